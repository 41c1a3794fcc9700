// In a frame on another site: tells that site how high the form is, and nothing else.

const tell = () => parent.postMessage({ newsletterFrameHeight: Math.ceil(document.body.scrollHeight) }, "*");
new ResizeObserver(tell).observe(document.body);
