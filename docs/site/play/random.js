// Random numbers from a seed: each purpose has a stream of its own, and each step or epoch a number in it, so that
// a step which is computed again draws the same.

const STREAMS = {init: 1, batches: 2, dropout: 3};

/** A function that draws from [0,1). @param {number} seed @param {"init" | "batches" | "dropout"} stream @param {number} number */
export function generator(seed, stream, number = 0) {
  // sfc32 (Doty-Humphrey, PractRand), its state the three numbers, mixed by twenty rounds
  let a = seed | 0, b = STREAMS[stream], c = number | 0, counter = 1;
  const next = () => {
    const sum = (a + b | 0) + counter | 0;
    counter = counter + 1 | 0;
    a = b ^ b >>> 9;
    b = c + (c << 3) | 0;
    c = (c << 21 | c >>> 11) + sum | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) next();
  return next;
}

/** Normal numbers of mean 0 and spread 1 (Box and Muller 1958). @param {() => number} uniform */
export function normal(uniform) {
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** 0 ... n-1 in random order (Fisher and Yates). @param {number} n @param {() => number} uniform */
export function permutation(n, uniform) {
  const order = Int32Array.from({length: n}, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1)), kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}
