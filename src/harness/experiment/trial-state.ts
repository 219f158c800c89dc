/** The states of a trial, in their order. A trial may end early after any of them, with what it has measured. */
const TRIAL_STATES = [
  'starting',
  'deploying',
  'preloading',
  'draining the preload',
  'replaying',
  'closing',
  'stopping the jobs',
  'judging',
  'stopping the servers',
] as const;
type TrialStateName = (typeof TRIAL_STATES)[number];

/** Whether `name` comes after `other`. */
export function isPast(name: TrialStateName, other: TrialStateName): boolean {
  return TRIAL_STATES.indexOf(name) > TRIAL_STATES.indexOf(other);
}

/** Current state of a trial. Only its control flow changes it; probes, faults and the display read it. */
export class TrialState {
  #name: TrialStateName = 'starting';
  #phase = 'start';
  #t0Ms: number | null = null;
  #compactorPid: number | null = null;
  readonly #onStep: (text: string) => void;

  /** `onStep` receives the text of each step. */
  constructor(onStep: (text: string) => void) {
    this.#onStep = onStep;
  }

  get name(): TrialStateName {
    return this.#name;
  }

  /** Label of the facts: `start` before the first phase, `drain` after the last one. */
  get phase(): string {
    return this.#phase;
  }

  /** Epoch ms of the tape's origin; null before it is known. */
  get t0Ms(): number | null {
    return this.#t0Ms;
  }

  /** Process id of the compaction that was started last. */
  get compactorPid(): number | null {
    return this.#compactorPid;
  }

  /** Enters a state. Throws if it comes before the current one. */
  enter(name: TrialStateName, step: string | null): void {
    if (isPast(this.#name, name)) {
      throw new Error(`a trial in the state ${this.#name} cannot go back to ${name}`);
    }
    this.#name = name;
    if (name === 'closing') this.#phase = 'drain';
    if (step !== null) this.step(step);
  }

  /** Reports a step within the state. */
  step(step: string): void {
    this.#onStep(step);
  }

  beginAt(t0Ms: number): void {
    this.#t0Ms = t0Ms;
  }

  enterPhase(name: string): void {
    this.enter('replaying', null);
    this.#phase = name;
  }

  compactorStarted(pid: number | null): void {
    this.#compactorPid = pid;
  }
}
