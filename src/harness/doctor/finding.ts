/** One line of the doctor's report. `fix` is a command to type. */
export interface Finding {
  readonly subject: string;
  /** `warn`: a run works, with the limitation of `fact`. `bad`: a run cannot work. */
  readonly state: 'ok' | 'warn' | 'bad';
  readonly fact: string;
  readonly fix?: string;
}
