const { spawn } = require('child_process');
for (let i = 0; i < 3; i++) spawn('sh', ['-c', 'sleep 1 & exit'], { stdio: 'ignore' });
setInterval(() => spawn('true', [], { stdio: 'ignore' }), 500);
