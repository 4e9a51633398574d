// Runs a WebAssembly program of WASI: in node, or in headless Chromium if node does not know the
// module's instructions (relaxed SIMD: node 20 does, Debian's node 18 knows an older form).
//
// Usage: node run_wasm.mjs [--chromium] MODULE [ARGUMENT...]
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import v8 from "node:v8";

// Runs the program with the part of WASI that the C library needs for arguments, output and clocks.
// `clock` returns nanoseconds, `write` takes bytes of stdout and stderr. Returns the exit status.
// The page in Chromium gets the text of this function.
function execute(bytes, program, clock, write) {
    const ended = { status: 0 };
    let memory;
    const view = () => new DataView(memory.buffer);
    const encoded = program.map((word) => new TextEncoder().encode(word + "\0"));
    const functions = {
        args_sizes_get(count, size) {
            view().setUint32(count, encoded.length, true);
            view().setUint32(size, encoded.reduce((sum, word) => sum + word.length, 0), true);
            return 0;
        },
        args_get(pointers, at) {
            encoded.forEach((word, i) => {
                view().setUint32(pointers + 4 * i, at, true);
                new Uint8Array(memory.buffer).set(word, at);
                at += word.length;
            });
            return 0;
        },
        clock_time_get(id, precision, result) {
            view().setBigUint64(result, BigInt(Math.round(clock())), true);
            return 0;
        },
        fd_write(file, parts, count, result) {
            let written = 0;
            for (let i = 0; i < count; i++) {
                const from = view().getUint32(parts + 8 * i, true);
                const length = view().getUint32(parts + 8 * i + 4, true);
                write(file, new Uint8Array(memory.buffer).slice(from, from + length));
                written += length;
            }
            view().setUint32(result, written, true);
            return 0;
        },
        proc_exit(status) {
            ended.status = status;
            throw ended;
        },
    };
    const NOT_SUPPORTED = 58;
    const system = new Proxy(functions, { get: (all, name) => all[name] ?? (() => NOT_SUPPORTED) });
    const module = new WebAssembly.Module(bytes);
    const imported = WebAssembly.Module.imports(module).map(({ name }) => [name, system[name]]);
    const { exports } = new WebAssembly.Instance(module, {
        wasi_snapshot_preview1: Object.fromEntries(imported),
    });
    memory = exports.memory;
    try {
        exports._start();
    } catch (error) {
        if (error !== ended) throw error;
    }
    return ended.status;
}

function executeInNode(bytes, program) {
    const cpuNanoseconds = () => {
        const { user, system } = process.cpuUsage();
        return 1000 * (user + system);
    };
    return execute(bytes, program, cpuNanoseconds, (file, text) => {
        (file === 1 ? process.stdout : process.stderr).write(text);
    });
}

// Serves a page whose worker runs the program and posts the output and the exit status.
async function executeInChromium(bytes, program) {
    const worker = `${execute}
        fetch("/module").then((reply) => reply.arrayBuffer()).then((bytes) => {
            const clock = () => 1e6 * performance.now(), decoder = new TextDecoder();
            let text = "";
            const write = (file, part) => { text += decoder.decode(part); };
            let status = 1;
            try {
                status = execute(bytes, ${JSON.stringify(program)}, clock, write);
            } catch (error) { text += error + "\\n"; }
            return fetch("/done", { method: "POST", body: JSON.stringify({ status, text }) });
        });`;
    const contents = {
        "/": ["text/html", "<script>new Worker('/worker')</script>"],
        "/worker": ["text/javascript", worker],
        "/module": ["application/wasm", bytes],
    };
    const profile = mkdtempSync(join(tmpdir(), "run_wasm."));
    let browser;
    try {
        return await new Promise((resolve, reject) => {
            const server = createServer(async (request, reply) => {
                const [type, body] = contents[request.url] ?? ["text/plain", ""];
                reply.setHeader("Content-Type", type).end(body);
                if (request.method !== "POST") return;
                let posted = "";
                for await (const part of request) posted += part;
                const { status, text } = JSON.parse(posted);
                process.stdout.write(text);
                server.close();
                server.closeAllConnections();
                resolve(status);
            });
            server.listen(0, "127.0.0.1", () => {
                const address = `http://127.0.0.1:${server.address().port}/`;
                const options = ["--headless", "--no-sandbox", `--user-data-dir=${profile}`];
                browser = spawn("chromium", [...options, address], { stdio: "ignore" });
                browser.on("error", (error) => reject(new Error(`chromium: ${error.message}`)));
                browser.on("exit", (status) => reject(new Error(`chromium ended: ${status}`)));
            });
        });
    } finally {
        if (browser?.exitCode === null) {
            await new Promise((resolve) => browser.on("exit", resolve).kill());
        }
        rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    }
}

const words = process.argv.slice(2);
const asked = words[0] === "--chromium";
const program = asked ? words.slice(1) : words;
const bytes = readFileSync(program[0]);
let isKnown = WebAssembly.validate(bytes);
if (!isKnown) {
    // Node 20 has relaxed SIMD behind this flag.
    v8.setFlagsFromString("--experimental-wasm-relaxed-simd");
    isKnown = WebAssembly.validate(bytes);
}
const run = asked || !isKnown ? executeInChromium : executeInNode;
process.exitCode = await run(bytes, program);
