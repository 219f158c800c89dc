/** One line of the doctor's report. `fix` is what to type. */
export interface Finding {
  readonly subject: string;
  /** `warn`: a run works, but see the fact. `bad`: it cannot. */
  readonly state: 'ok' | 'warn' | 'bad';
  readonly fact: string;
  readonly fix?: string;
}
