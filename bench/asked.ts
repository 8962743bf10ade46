/** What stands between the commas of an option; `all` where the option is left out. */
export function namesIn(text: string | undefined, all: readonly string[]): readonly string[] {
  return text === undefined ? all : text.split(',').filter((part) => part !== '');
}
