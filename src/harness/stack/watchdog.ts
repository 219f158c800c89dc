import { spawn } from 'node:child_process';

/**
 * A shell that outlives us: it holds the read end of a pipe from this process, and when the pipe
 * closes without a goodbye, however we died, it kills the servers and removes their data. What it
 * cannot do (it was killed as well, the machine went down) the next start's sweep does.
 */
export interface Watchdog {
  guard(pid: number): void;
  release(pid: number): void;
  /** All is stopped in order: nothing is left to do. */
  dismiss(): void;
}

/** No `--` before a negative id: dash's own kill does not know it. */
const SCRIPT = `
groups=' '
while read -r verb pid; do
  case $verb in
    guard) groups="$groups$pid " ;;
    release)
      rest=' '
      for group in $groups; do [ "$group" = "$pid" ] || rest="$rest$group "; done
      groups=$rest ;;
    dismiss) exit 0 ;;
  esac
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
sleep 0.3
tries=0
until rm -rf -- "$1" || [ $((tries += 1)) -ge 20 ]; do sleep 0.5; done
`;

/** The shell itself, reading from a pipe of ours. */
export function watchdogShell(workDir: string) {
  return spawn('/bin/sh', ['-c', SCRIPT, 'doorbuster-watchdog', workDir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env.PATH },
    cwd: '/',
  });
}

/**
 * `workDir` is removed when this process dies without `dismiss`. The registry is left as it is: by it the
 * next start knows that there was a run, and says so.
 */
export function startWatchdog(workDir: string): Watchdog {
  const shell = watchdogShell(workDir);
  // Should it be gone, the next start's sweep stands in for it.
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  const say = (line: string) => {
    if (shell.stdin.writable) shell.stdin.write(`${line}\n`);
  };
  return {
    guard: (pid) => say(`guard ${pid}`),
    release: (pid) => say(`release ${pid}`),
    dismiss() {
      say('dismiss');
      shell.stdin.end();
    },
  };
}
