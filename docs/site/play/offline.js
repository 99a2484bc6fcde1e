// Keeps the page's files, so that it works without a network from the second visit on. FILES and VERSION are put in when it is built.
const {FILES, VERSION} = __KEPT__;

addEventListener("install", event => event.waitUntil(caches.open(VERSION).then(cache => cache.addAll(FILES)).then(() => skipWaiting())));

addEventListener("activate", event => event.waitUntil(caches.keys().then(names =>
  Promise.all(names.filter(name => name.startsWith("recipe-play-") && name !== VERSION).map(name => caches.delete(name))))
  .then(() => clients.claim())));

addEventListener("fetch", event => event.respondWith(caches.open(VERSION)
  .then(cache => cache.match(event.request, {ignoreSearch: true})).then(kept => kept ?? fetch(event.request))));
