const WORD_PAGES = 32;

/**
 * Which pages are free, and where the lowest free stretch of a given length begins: in logarithmic time, however large the arena is and
 * however scattered what is stuck in it. A bit for each page, 32 to a leaf, and above the leaves a binary tree; every node
 * knows the longest free stretch in its span, the one at its beginning and the one at its end.
 *
 *     span   |....free....|used|.........free.........|used|..free..|
 *               prefix                 longest               suffix
 */
export class FreePages {
  /** A set bit is a used page. */
  readonly #used: Uint32Array;
  /** A power of two. Leaf `i` is node `#leaves + i`; the children of node `n` are `2n` and `2n + 1`; the root is 1. */
  readonly #leaves: number;
  readonly #prefix: Int32Array;
  readonly #suffix: Int32Array;
  readonly #longest: Int32Array;

  /** All pages are free at first. */
  constructor(pages: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.ceil(pages / WORD_PAGES)));
    this.#used = new Uint32Array(this.#leaves);
    this.#prefix = new Int32Array(2 * this.#leaves);
    this.#suffix = new Int32Array(2 * this.#leaves);
    this.#longest = new Int32Array(2 * this.#leaves);
    // The tree may span more than there is: what lies behind the last page is never free.
    this.take(0, this.#leaves * WORD_PAGES);
    this.giveBack(0, pages);
  }

  /** First page of the lowest stretch of `length` free pages; undefined when there is none. */
  find(length: number): number | undefined {
    if (at(this.#longest, 1) < length) return undefined;
    let node = 1;
    let from = 0;
    let span = this.#leaves * WORD_PAGES;
    while (node < this.#leaves) {
      const left = 2 * node;
      span /= 2;
      const across = at(this.#suffix, left);
      if (at(this.#longest, left) >= length) {
        node = left;
      } else if (across > 0 && across + at(this.#prefix, left + 1) >= length) {
        return from + span - across;
      } else {
        node = left + 1;
        from += span;
      }
    }
    return from + lowestStretch(~at(this.#used, node - this.#leaves), length);
  }

  take(first: number, length: number): void {
    const { from, to } = wordsOf(first, length);
    for (let word = from; word <= to; word += 1) {
      this.#setWord(word, at(this.#used, word) | maskOf(word, first, length));
    }
    this.#summarize(from, to);
  }

  giveBack(first: number, length: number): void {
    const { from, to } = wordsOf(first, length);
    for (let word = from; word <= to; word += 1) {
      this.#setWord(word, at(this.#used, word) & ~maskOf(word, first, length));
    }
    this.#summarize(from, to);
  }

  #setWord(word: number, used: number): void {
    const node = this.#leaves + word;
    this.#used[word] = used;
    this.#prefix[node] = lowestSetBit(used);
    this.#suffix[node] = Math.clz32(used);
    this.#longest[node] = longestStretch(~used);
  }

  /** Brings all nodes above the leaves of these words up to date, level by level. */
  #summarize(fromWord: number, toWord: number): void {
    let from = this.#leaves + fromWord;
    let to = this.#leaves + toWord;
    for (let half = WORD_PAGES; from > 1; half *= 2) {
      from >>>= 1;
      to >>>= 1;
      for (let node = from; node <= to; node += 1) this.#join(node, half);
    }
  }

  /** @param half pages below each of the two children */
  #join(node: number, half: number): void {
    const left = 2 * node;
    const right = left + 1;
    const leftPrefix = at(this.#prefix, left);
    const rightPrefix = at(this.#prefix, right);
    const leftSuffix = at(this.#suffix, left);
    const rightSuffix = at(this.#suffix, right);
    this.#prefix[node] = leftPrefix === half ? half + rightPrefix : leftPrefix;
    this.#suffix[node] = rightSuffix === half ? half + leftSuffix : rightSuffix;
    this.#longest[node] = Math.max(
      at(this.#longest, left),
      at(this.#longest, right),
      leftSuffix + rightPrefix,
    );
  }
}

function wordsOf(first: number, length: number): { readonly from: number; readonly to: number } {
  return { from: first >>> 5, to: (first + length - 1) >>> 5 };
}

/** Bits of the pages [first, first + length) that lie in this word. */
function maskOf(word: number, first: number, length: number): number {
  const low = Math.max(0, first - word * WORD_PAGES);
  const high = Math.min(WORD_PAGES, first + length - word * WORD_PAGES);
  const bits = high - low === WORD_PAGES ? -1 : (1 << (high - low)) - 1;
  return bits << low;
}

/** Zeros below it; 32 when no bit is set. */
function lowestSetBit(bits: number): number {
  return bits === 0 ? WORD_PAGES : 31 - Math.clz32(bits & -bits);
}

/** Each step shortens every stretch of ones by one. */
function longestStretch(ones: number): number {
  let length = 0;
  for (let rest = ones; rest !== 0; rest &= rest >>> 1) length += 1;
  return length;
}

/** Where the first `length` ones in a row begin; there are so many. */
function lowestStretch(ones: number, length: number): number {
  let begins = ones;
  for (let step = 1; step < length; step += 1) begins &= ones >>> step;
  return lowestSetBit(begins);
}

function at(values: Int32Array | Uint32Array, index: number): number {
  return values[index] ?? 0;
}
