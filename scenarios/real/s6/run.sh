mkdir -p services/one
printf '#!/bin/sh\nsleep 0.2 &\nexec sleep 3\n' > services/one/run
chmod +x services/one/run
exec unshare -pf --mount-proc --kill-child s6-svscan services
