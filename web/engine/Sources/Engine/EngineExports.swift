// The functions that the page's worker calls. Those that can fail return a negative number then, and leave a
// sentence as the text.

import CWeb
import System
import Tensor
import Tracks

/// Only the worker that runs the engine touches these; others call `serve` alone.
nonisolated(unsafe) private var engine: WebEngine?
nonisolated(unsafe) private var text: [UInt8] = []

private func loadedEngine() -> WebEngine {
    guard let engine else { preconditionFailure("start is called first") }
    return engine
}

/// Keeps a text for the page, and returns its length in bytes.
private func leave(_ string: String) -> Int {
    text = Array(string.utf8)
    return text.count
}

private func string(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> String {
    String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
}

private func status(_ body: () throws(AnyError) -> Int) -> Int {
    do { return try body() } catch { return -leave(error.description) }
}

// MARK: - Memory and threads

/// Memory for the page to write to; null if there is no more.
@_expose(wasm, "allocate") @_cdecl("web_allocate")
public func allocate(_ count: Int) -> UnsafeMutableRawPointer? { malloc(max(1, count)) }

@_expose(wasm, "release") @_cdecl("web_release")
public func release(_ memory: UnsafeMutableRawPointer) { free(memory) }

/// Copies the text to `bytes`.
@_expose(wasm, "copyText") @_cdecl("web_copy_text")
public func copyText(_ bytes: UnsafeMutablePointer<UInt8>) {
    bytes.update(from: text, count: text.count)
}

/// Makes the engine, once all but one of its threads call `serve`.
@_expose(wasm, "start") @_cdecl("web_start")
public func start(_ threads: Int) { engine = WebEngine(threads: threads) }

/// Makes the calling worker one of the engine's threads.
@_expose(wasm, "serve") @_cdecl("web_serve")
public func serve() { serveAsThread() }

/// The address of a number that ends the work under way once it is not 0. The page sets it to 0
/// before a track.
@_expose(wasm, "cancellation") @_cdecl("web_cancellation")
public func cancellation() -> UnsafeMutablePointer<Int32> { cancellation_flag() }

// MARK: - The model

/// Reads the header of a file that lies in memory. Leaves `{parameters, segmentSeconds, isQuantized,
/// architecture: {nfft, heads, shapes}}`.
///
/// - Parameter segmentSeconds: that of a bag; 0 for none.
@_expose(wasm, "openMember") @_cdecl("web_open_member")
public func openMember(
    _ name: UnsafePointer<UInt8>, _ nameCount: Int, _ file: UnsafeRawPointer, _ count: Int,
    _ segmentSeconds: Double
) -> Int {
    status { () throws(AnyError) in
        leave(
            try loadedEngine().open(
                UnsafeRawBufferPointer(start: file, count: count),
                name: string(name, nameCount),
                segmentSeconds: segmentSeconds > 0 ? segmentSeconds : nil))
    }
}

/// Loads the network of that file, which may be released then.
///
/// - Parameters:
///   - precision: index in `Precision.allCases`.
///   - weights: of each source in a bag; none for all ones.
@_expose(wasm, "loadMember") @_cdecl("web_load_member")
public func loadMember(
    _ precision: Int, _ weights: UnsafePointer<Double>, _ weightCount: Int
) -> Int {
    status { () throws(AnyError) in
        try loadedEngine().load(
            precision: Precision.allCases[precision],
            weights: Array(UnsafeBufferPointer(start: weights, count: weightCount)))
        return 0
    }
}

/// Leaves the description of the model.
@_expose(wasm, "describe") @_cdecl("web_describe")
public func describe() -> Int { leave(loadedEngine().description) }

/// Sets the edits of the passes to come, and the values that they give the page.
///
/// - Parameters:
///   - edits: separated by line feeds.
///   - values: name patterns, separated by commas.
///   - isLoaded: 1 if all files of the model are loaded, 0 if loading them has failed.
/// - Returns: 1 if the model must be loaded again, because other parameters are edited now; its files
///   are opened and loaded like those of another model then.
@_expose(wasm, "observe") @_cdecl("web_observe")
public func observe(
    _ edits: UnsafePointer<UInt8>, _ editCount: Int, _ values: UnsafePointer<UInt8>,
    _ valueCount: Int, _ isLoaded: Int
) -> Int {
    status { () throws(AnyError) in
        try loadedEngine().observe(
            edits: string(edits, editCount), values: string(values, valueCount),
            isLoaded: isLoaded != 0) ? 1 : 0
    }
}

/// Gives the page the parameters of a file in memory whose names match, as `float32`.
@_expose(wasm, "parameters") @_cdecl("web_parameters")
public func parameters(
    _ file: UnsafeRawPointer, _ count: Int, _ patterns: UnsafePointer<UInt8>, _ patternCount: Int
) -> Int {
    status { () throws(AnyError) in
        try WebEngine.giveParameters(
            of: UnsafeRawBufferPointer(start: file, count: count),
            NamePattern.list(string(patterns, patternCount)))
        return 0
    }
}

// MARK: - A track

/// Begins to separate a track. Leaves the plan, with `samples`: those of each output.
///
/// - Parameters:
///   - settings: JSON of a ``WebPlan``.
///   - start: first sample of the outputs that is wanted.
///   - analyzes: 1 to analyse the stems too.
@_expose(wasm, "separate") @_cdecl("web_separate")
public func separate(
    _ channels: Int, _ samples: Int, _ rateHz: Int, _ settings: UnsafePointer<UInt8>, _ count: Int,
    _ start: Int, _ analyzes: Int
) -> Int {
    status { () throws(AnyError) in
        leave(
            try loadedEngine().begin(
                channels: channels, samples: samples, rateHz: rateHz,
                settings: string(settings, count), startingAt: start, analyzes: analyzes != 0))
    }
}

/// Leaves the plan of settings: their outputs, and the values of all fields.
///
/// - Parameter settings: JSON of a ``WebPlan``, with the model's `sources`.
@_expose(wasm, "plan") @_cdecl("web_plan")
public func plan(_ settings: UnsafePointer<UInt8>, _ count: Int) -> Int {
    status { () throws(AnyError) in
        do throws(RequestError) {
            return leave(JSON.object(try WebPlan(string(settings, count)).json).line)
        } catch {
            throw error.erased
        }
    }
}

/// Analyses the stems before the first sample that is wanted. The page gives them as it gives a
/// track: channel `stem · channels + channel`.
@_expose(wasm, "analyzeFinished") @_cdecl("web_analyze_finished")
public func analyzeFinished(_ samples: Int) -> Int {
    status { () throws(AnyError) in
        try loadedEngine().analyzeFinished(samples: samples)
        return 0
    }
}

/// Computes the next samples of all outputs.
///
/// - Returns: their number; 0 after the last.
@_expose(wasm, "next") @_cdecl("web_next")
public func next() -> Int {
    status { () throws(AnyError) in try loadedEngine().next() }
}

/// Copies a row of those samples, `output · channels + channel`.
@_expose(wasm, "copyRow") @_cdecl("web_copy_row")
public func copyRow(_ row: Int, _ samples: UnsafeMutablePointer<Float>) {
    loadedEngine().copy(row: row, to: samples)
}

/// Leaves the analysis of the track, once its last samples were computed.
@_expose(wasm, "analysis") @_cdecl("web_analysis")
public func analysis() -> Int { leave(loadedEngine().finishAnalysis()) }
