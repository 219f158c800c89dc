import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { entryFile } from '../entry.ts';

/**
 * A shell that outlives this process: it holds the read end of a pipe, and when the pipe closes without
 * `dismiss`, it kills the servers and removes their data. If it cannot (it was killed as well, the machine
 * went down), the next start's sweep does.
 */
export interface Watchdog {
  guard(pid: number): void;
  release(pid: number): void;
  /** Everything was stopped normally: the watchdog has nothing to do. */
  dismiss(): void;
}

/**
 * No `--` before a negative id, because dash's built-in kill does not support it. A server that was started just before
 * this process died is not registered: with /proc it is found by its HOME.
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

/** Command line of the shell, which reads from the pipe; `then` is its last command. */
export function watchdogShell(workDir: string, then: readonly string[] = []) {
  const passed = Object.entries(process.env).filter(([name]) => PASSED_VARIABLES.test(name));
  return spawn('/bin/sh', ['-c', SCRIPT, 'doorbuster-watchdog', workDir, ...then], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: Object.fromEntries(passed),
    cwd: '/',
  });
}

/** Variables that a shell needs, and those with the address of the container engine. */
const PASSED_VARIABLES = /^(PATH|HOME|XDG_RUNTIME_DIR|DOCKER_\w+|TESTCONTAINERS_\w+)$/;

/**
 * When this process dies without `dismiss`, the watchdog removes `workDir` and the containers of `session`. It leaves
 * the registry unchanged: from it the next start reports that there was a run.
 */
export function startWatchdog(workDir: string, session?: string): Watchdog {
  const shell = watchdogShell(
    workDir,
    session === undefined
      ? []
      : [process.execPath, fileURLToPath(entryFile('harness/stack/sweep-child')), session],
  );
  // If the watchdog has ended, the next start's sweep replaces it.
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  const send = (line: string) => {
    if (shell.stdin.writable) shell.stdin.write(`${line}\n`);
  };
  return {
    guard: (pid) => send(`guard ${pid}`),
    release: (pid) => send(`release ${pid}`),
    dismiss() {
      send('dismiss');
      shell.stdin.end();
    },
  };
}
