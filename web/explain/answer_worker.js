// A worker that judges one line of code. The page's policy forbids code from text; a worker from a file has a policy of its own.

import { judgeCode } from "./answers.js";

self.onmessage = ({ data: { source, test } }) => self.postMessage(judgeCode(source, test));
// Its time counts from here, not from the start of a download.
self.postMessage("ready");
