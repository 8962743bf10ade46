import type { Config, TailConfig } from '../../config/schema.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts';
import type { Input, InputGate } from '../input/input.ts';
import { StandardInput } from '../input/stdin.ts';
import { Tail } from '../input/tail.ts';
import { UnixSocketInput } from '../input/unix-socket.ts';
import { routeSpec } from '../stage-settings.ts';

/** The inputs that a configuration asks for. */
export function configuredInputs(
  config: Config,
  gate: InputGate,
  store: CheckpointStore | undefined,
): Input[] {
  const tailsOf = new Map<string, number>();
  return config.inputs.map((input) => {
    switch (input.kind) {
      case 'tail': {
        const number = (tailsOf.get(input.topic) ?? 0) + 1;
        tailsOf.set(input.topic, number);
        return tailOf(input, number, gate, store);
      }
      case 'socket':
        return new UnixSocketInput(gate, {
          path: input.path,
          mode: input.mode,
          ...(input.group === undefined ? {} : { group: input.group }),
          route: routeSpec(input),
        });
      case 'stdin':
        return new StandardInput(gate, { route: routeSpec(input) });
    }
  });
}

/**
 * Positions are kept under the topic, so that a file or a whole input may be added without the others being read again; several tails of one
 * topic are told apart by their order.
 */
function tailOf(
  input: TailConfig,
  number: number,
  gate: InputGate,
  store: CheckpointStore | undefined,
): Tail {
  return new Tail(gate, {
    id: number === 1 ? input.topic : `${input.topic} ${number}`,
    paths: input.paths,
    exclude: input.exclude,
    from: input.from,
    route: (path) => routeSpec(input, path),
    scanIntervalMs: input.scanIntervalMs,
    ...(store === undefined ? {} : { store }),
  });
}
