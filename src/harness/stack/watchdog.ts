import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { entryFile } from '../entry.ts';

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

/**
 * No `--` before a negative id: dash's own kill does not know it. A server that was started in the moment
 * we died was never guarded: it is known by its home, where there is a /proc.
 */
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
for server in $(grep -lzxF "HOME=$1" /proc/[0-9]*/environ 2>/dev/null); do
  server=\${server#/proc/}
  kill -KILL "-\${server%/environ}" "\${server%/environ}" 2>/dev/null
done
tries=0
until rm -rf -- "$1" || [ $((tries += 1)) -ge 20 ]; do sleep 0.5; done
shift
[ $# -eq 0 ] || exec "$@"
`;

/** The shell itself, reading from a pipe of ours; `then` is a command that it ends with. */
export function watchdogShell(workDir: string, then: readonly string[] = []) {
  const passed = Object.entries(process.env).filter(([name]) => PASSED.test(name));
  return spawn('/bin/sh', ['-c', SCRIPT, 'doorbuster-watchdog', workDir, ...then], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: Object.fromEntries(passed),
    cwd: '/',
  });
}

/** What a shell needs, and what tells where the container engine is. */
const PASSED = /^(PATH|HOME|XDG_RUNTIME_DIR|DOCKER_\w+|TESTCONTAINERS_\w+)$/;

/**
 * `workDir` is removed when this process dies without `dismiss`, and so are the containers of `session`. The registry is left as it is: by it the
 * next start knows that there was a run, and says so.
 */
export function startWatchdog(workDir: string, session?: string): Watchdog {
  const shell = watchdogShell(
    workDir,
    session === undefined
      ? []
      : [process.execPath, fileURLToPath(entryFile('harness/stack/sweep-child')), session],
  );
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
