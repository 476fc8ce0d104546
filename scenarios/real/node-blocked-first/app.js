// usage: node app.js first|second|spin
const { spawn, spawnSync } = require('child_process'); const fs = require('fs');
function bad() {
  for (let i = 0; i < 3; i++) spawn('true', [], { stdio: 'ignore' });
  if (process.argv[2] === 'spin') { const t = Date.now(); while (Date.now() - t < 120000); return; }
  fs.readFileSync('./fifo');
}
if (process.argv[2] === 'second') { spawn('true').on('exit', () => setTimeout(bad, 300)); } else bad();
