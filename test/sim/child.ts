/** Campaigns in processes of their own. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CampaignTotals } from './campaign.ts';
import type { Verdict } from './fault.ts';

interface ChildFault {
  readonly seed: number;
  readonly verdict: Verdict;
  /** What is to be said of it. */
  readonly text: string;
}

/** What a child tells. */
export type ChildMessage =
  | { readonly type: 'seed'; readonly seed: number }
  | ({ readonly type: 'fault' } & ChildFault)
  | { readonly type: 'done'; readonly totals: CampaignTotals };

export interface ChildResult {
  readonly totals: CampaignTotals | undefined;
  readonly faults: readonly ChildFault[];
}

/** A seed takes milliseconds: a sender that has not come back from a step after so long never will. */
const SILENCE_MAX_MS = 60_000;

/** @param onFault called with each fault when it is found */
export async function runChild(
  args: readonly string[],
  onFault: (fault: ChildFault) => void = () => undefined,
): Promise<ChildResult> {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const main = fileURLToPath(new URL(`./main${extension}`, import.meta.url));
  const child = fork(main, args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
  const faults: ChildFault[] = [];
  const note = (fault: ChildFault): void => {
    faults.push(fault);
    onFault(fault);
  };
  let totals: CampaignTotals | undefined;
  let seed = 0;
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  let silence = setTimeout(() => child.kill('SIGKILL'), SILENCE_MAX_MS);
  child.on('message', (message: ChildMessage) => {
    clearTimeout(silence);
    silence = setTimeout(() => child.kill('SIGKILL'), SILENCE_MAX_MS);
    if (message.type === 'seed') seed = message.seed;
    else if (message.type === 'fault') note(message);
    else totals = message.totals;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('exit', resolve);
  });
  clearTimeout(silence);
  if (code === null) {
    const message = `no answer from seed ${seed} for ${SILENCE_MAX_MS / 1000} s: a step does not end`;
    const verdict: Verdict = { kind: 'hung', message, place: undefined };
    note({ seed, verdict, text: `seed ${seed}: ${message}` });
  } else if (totals === undefined) {
    throw new Error(`a simulation ended with code ${code}\n${complaint}`);
  }
  return { totals, faults };
}
