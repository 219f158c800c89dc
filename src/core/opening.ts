/** Something that is being opened while other work goes on. */
interface Opening<T> extends AsyncDisposable {
  readonly opened: Promise<T>;
}

/** What is opened is disposed of with the opening, even if it is never waited for; a failure is that of who waits for it. */
export function opening<T extends AsyncDisposable>(opened: Promise<T>): Opening<T> {
  const dispose = opened.then(
    (one) => () => one[Symbol.asyncDispose](),
    () => async () => {},
  );
  return { opened, [Symbol.asyncDispose]: async () => (await dispose)() };
}
