set -e
F=/tmp/e/apt; mkdir -p $F/state/lists/partial $F/cache/archives/partial; : > $F/state/status
for s in bookworm bookworm-security; do u=http://deb.debian.org/debian; [ $s = bookworm-security ] && u=http://deb.debian.org/debian-security; echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $u $s main"; echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $u $s main"; done > $F/sources.list
cat > $F/apt.conf <<X
Dir::State "$F/state";
Dir::State::status "$F/state/status";
Dir::Cache "$F/cache";
Dir::Etc::sourcelist "$F/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "root";
Acquire::Languages "none";
X
export APT_CONFIG=$F/apt.conf
apt-get -qq update
apt-cache showsrc kubernetes | grep -E '^(Version|Directory)'
mkdir -p src deb; (cd src; apt-get -qq source --download-only --tar-only kubernetes || apt-get source --download-only kubernetes; ls -la)
cd deb; apt-get download etcd-server containernetworking-plugins iptables; ls -la
