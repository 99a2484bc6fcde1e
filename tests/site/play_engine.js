// The engine of the page that trains, for tests: numbers of PyTorch in, its own out.
import bytes from "kernels.wasm";
import {asSample} from "../../docs/site/play/drawing.js";
import {Network} from "../../docs/site/play/network.js";
import {Optimizer} from "../../docs/site/play/optimizers.js";

const SHAPE = [28, 28, 1];

/** The bytes of a file, which is another one in each test. @param {string} name */
async function file(name) {
  return (await fetch(name, {cache: "no-store"})).arrayBuffer();
}

/** Train on given batches from given weights. `sizes`: floats of each tensor in weights.bin. `together`: weights.bin holds
 * those of every step, and each step begins with PyTorch's. */
globalThis.train = async ({settings, sizes, steps, masks, together}) => {
  const [weights, x, kept] = (await Promise.all(["weights.bin", "x.bin", "masks.bin"].map(file))).map(one => new Float32Array(one));
  const y = new Uint8Array(await file("y.bin")), given = masks ? kept : null;
  const network = new Network(new WebAssembly.Module(bytes), settings, SHAPE);
  const optimizer = new Optimizer(settings.optimizer, network.parameters, network.gradients);
  const total = sizes.reduce((a, b) => a + b, 0), take = step => {
    let from = step * total;
    network.take(sizes.map(size => weights.subarray(from, from += size)));
  };
  take(0);
  const many = settings.batch_size, size = network.input.size, units = network.dropouts[0]?.size ?? 0, losses = [];
  let gradients = null;
  for (let step = 0; step < steps; step++) {
    if (together) take(step);
    for (const layer of network.dropouts) {
      layer.p = settings.dropout;
      layer.given = given?.subarray(step * many * units);
    }
    const fill = (n, at) => {
      const start = (step * many + at) * size;
      network.input.out.view.set(x.subarray(start, start + n * size));
    };
    losses.push(network.gradient(fill, y.subarray(step * many, (step + 1) * many)).loss);
    gradients ??= network.listed("weightGradient").map(part => Array.from(part));
    optimizer.step(settings);
  }
  return {losses, gradients};
};

/** A drawn digit as the network sees it. */
globalThis.sample = ({drawn, side}) => Array.from(asSample(Uint8Array.from(drawn), side));

/** Steps per second on random samples, forward pass to update. */
globalThis.speed = ({settings, seconds}) => {
  const network = new Network(new WebAssembly.Module(bytes), settings, SHAPE), labels = Uint8Array.from({length: settings.batch_size}, (_, i) => i % 10);
  const optimizer = new Optimizer(settings.optimizer, network.parameters, network.gradients);
  network.init("default", 0);
  const x = Float32Array.from({length: network.input.out.count}, Math.random);
  let done = -5, start = 0; // the first five warm up
  while (done <= 0 || performance.now() - start < 1000 * seconds) {
    if (done === 0) start = performance.now();
    network.gradient(() => network.input.out.view.set(x), labels);
    optimizer.step(settings);
    done += 1;
  }
  return 1000 * done / (performance.now() - start);
};
