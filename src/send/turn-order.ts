/**
 * Things in the order in which they came, each once: what a Set is, but for its memory. V8 gives a Set a new table whenever it becomes empty,
 * in the old generation when the Set is old; with one record after the other that is each time, and a whole collection again and again
 * (docs/decisions/producer-speed.md).
 */
import { assert } from '../shared/assert.ts';

/** Where a thing stands. It stands in one order at most. */
export class Turn<T> {
  order: object | undefined;
  before: T | undefined;
  after: T | undefined;
}

export interface HasTurn<T> {
  readonly turn: Turn<T>;
}

/** Every call takes the same time, however many there are. */
export class TurnOrder<T extends HasTurn<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first;
  }

  /** The one behind. Ask before the thing is taken out. */
  after({ turn }: T): T | undefined {
    assert(turn.order === this, 'it stands in this order');
    return turn.after;
  }

  /** To the end, unless it is in already. */
  add(thing: T): void {
    const { turn } = thing;
    if (turn.order === this) return;
    assert(turn.order === undefined, 'it stands in one order at most');
    turn.order = this;
    turn.before = this.#last;
    turn.after = undefined;
    if (this.#last === undefined) this.#first = thing;
    else this.#last.turn.after = thing;
    this.#last = thing;
    this.#size += 1;
  }

  /** Takes it out, if it is in. */
  delete({ turn }: T): void {
    if (turn.order !== this) return;
    const { before, after } = turn;
    if (before === undefined) this.#first = after;
    else before.turn.after = after;
    if (after === undefined) this.#last = before;
    else after.turn.before = before;
    turn.order = undefined;
    turn.before = undefined;
    turn.after = undefined;
    this.#size -= 1;
  }

  /** None is left. */
  clear(): void {
    for (let thing = this.#first; thing !== undefined; thing = this.#first) this.delete(thing);
  }
}
