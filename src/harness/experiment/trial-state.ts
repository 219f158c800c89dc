/** The states of a trial, in their order. After any of them the trial may end early: it is then judged with what it has. */
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

/** Whether a trial in the state `name` has left the other one behind. */
export function isPast(name: TrialStateName, other: TrialStateName): boolean {
  return TRIAL_STATES.indexOf(name) > TRIAL_STATES.indexOf(other);
}

/** What is going on in a trial now. Its control flow alone writes it; probes, outages and the display read it. */
export class TrialState {
  #name: TrialStateName = 'starting';
  #phase = 'start';
  #t0Ms: number | null = null;
  #compactorPid: number | null = null;
  readonly #onStep: (text: string) => void;

  /** `onStep` is told what is to be said of a state that is entered. */
  constructor(onStep: (text: string) => void) {
    this.#onStep = onStep;
  }

  get name(): TrialStateName {
    return this.#name;
  }

  /** By which facts are labelled: `start` before the first phase, `drain` after the last one. */
  get phase(): string {
    return this.#phase;
  }

  /** Epoch ms of the tape's origin; null before it is known. */
  get t0Ms(): number | null {
    return this.#t0Ms;
  }

  /** The process of the compaction that was started last. */
  get compactorPid(): number | null {
    return this.#compactorPid;
  }

  /** Throws when a trial would go back to a state it has left. */
  enter(name: TrialStateName, step: string | null): void {
    if (isPast(this.#name, name)) {
      throw new Error(`a trial in the state ${this.#name} cannot go back to ${name}`);
    }
    this.#name = name;
    if (name === 'closing') this.#phase = 'drain';
    if (step !== null) this.say(step);
  }

  /** Says a step within the state. */
  say(step: string): void {
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
