// Arguments, model and errors of the commands that run the network's core on files of tensors: `tensors`,
// `trace`, `compare`.

import Demucs
import Porting
import System
import Tensor
import Tracks

struct PortingCall {
    let arguments: ParsedArguments
    let console: Console
    let cancellation: CancellationToken

    init(_ arguments: ParsedArguments, _ console: Console) {
        self.arguments = arguments
        self.console = console
        cancellation = Interruption.cancellation()
    }

    /// Runs `work` and reports its errors.
    func run(_ work: () throws -> Void) -> ExitCode {
        console.reporting(interruption: "interrupted; run it again to resume") {
            try work()
            return .done
        }
    }

    /// Opens a track; an interruption ends this too.
    func track(_ path: String) throws -> AudioInput {
        try AudioInput(path: path, spool: Spool { [cancellation] in cancellation.isCancelled })
    }

    /// The model of `--name`, or the default one.
    ///
    /// - Parameters:
    ///   - name: the default model; nil for the one of `separate`.
    ///   - needsCore: rejects a model that has only the waveform branch.
    func model(defaultName name: String? = nil, needsCore: Bool = true) throws -> OpenedModel {
        let name = arguments.value(.name) ?? name
        let files = try arguments.modelStore().model(
            named: name, console: console, cancellation: cancellation)
        // Without a name this may be the bundled model.
        let model = try OpenedModel(porting: files, named: name, needsCore: needsCore)
        model.warnings.forEach(console.warning)
        return model
    }

    /// A judge of the values of the model of `--name`; nil without the option.
    ///
    /// - Throws: ``PortingError`` if the trace is of another model.
    func judge(
        _ trace: TensorCollection, _ precision: PrecisionChoice, threads: Int
    ) throws -> LayerJudge? {
        guard arguments.has(.name) else { return nil }
        let model = try model(needsCore: false)
        if let expected = trace.model?.checksum, case let found = try model.checksum(),
            found != expected
        {
            throw PortingError.modelDiffers(
                path: trace.path, prepared: "a model with the SHA-256 \(expected)", found: found)
        }
        return try LayerJudge(
            model, threads: threads, precision: precision.precision(for: model.int8Support),
            cancellation: cancellation)
    }

    func backend(_ precision: Precision = .float32) throws -> Backend {
        try Backend(threads: try arguments.threads(), precision: precision)
    }

    /// The format of the written tensors.
    ///
    /// - Parameter container: the default container.
    func encoding(_ container: TensorEncoding.Container) throws(UsageError) -> TensorEncoding {
        TensorEncoding(
            try arguments.choice(.tensorFormat, of: TensorEncoding.Container.allCases) ?? container,
            try arguments.choice(.tensorType, of: TensorEncoding.Element.allCases) ?? .float32)
    }

    /// The patterns of `--only`.
    var patterns: [NamePattern] {
        NamePattern.list(arguments.value(.only) ?? "*")
    }

    /// A counter of chunks or samples on a terminal.
    func progress(_ unit: String) -> CountDisplay { CountDisplay(console: console, unit: unit) }
}

/// A counter such as `Chunk 3 of 12` in the terminal's current line.
final class CountDisplay {
    private let console: Console
    private let unit: String
    private var isDrawn = false

    init(console: Console, unit: String) {
        self.console = console
        self.unit = unit
    }

    func update(_ done: Int, of total: Int) {
        guard console.isTerminal, !console.isQuiet else { return }
        isDrawn = true
        console.redraw("\(unit) \(done) of \(total)")
    }

    deinit {
        if isDrawn { console.redraw("") }
    }
}
