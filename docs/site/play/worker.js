// The worker that trains: it answers to the front end as a kernel would.
import bytes from "kernels.wasm";
import {load} from "./data.js";
import {Session} from "./session.js";

/** @type {Session | undefined} */
let session;
const early = []; // what the page said before the data had come

addEventListener("message", async ({data: {start, content, buffers}}) => {
  if (start) {
    try {
      const data = await load(start.data, start.base);
      session = new Session(new WebAssembly.Module(bytes), data, start.settings, start.stops, (message, part) =>
        postMessage({message, buffers: [part.buffer]}, [part.buffer]));
      for (const one of early) session.hear(...one);
    } catch (error) {
      postMessage({problem: `The training cannot begin here: ${error.message}.`});
    }
  } else if (session) session.hear(content, buffers);
  else early.push([content, buffers]);
});
