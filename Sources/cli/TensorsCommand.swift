// `swift-demucs tensors …`: a track through the network in pieces, with files between the steps, so
// that another runtime can take the network's place.

import Foundation
import Porting
import Separation
import Tensor

/// The commands of `tensors`, each with a table of its own.
enum TensorsCommand {
    static let commands = [
        PrepareTensorsCommand.command, RunTensorsCommand.command, AssembleStemsCommand.command,
        CalibrateCommand.command,
    ]
}

extension Option {
    static let chunk = Option(
        "chunk", value: "seconds",
        help: "Length of a chunk, decimals allowed. (default: the model's segment)")
    static let chunkOverlap = Option(
        "overlap", value: "share",
        help: "Share of each chunk that the next one repeats. (default: 0.25)")
    static let tensorFormat = Option(
        "format", value: "name", help: "raw, npy or safetensors. (default: raw)")
    static let tensorType = Option(
        "type", value: "name", help: "float32 or float16. (default: float32)")
}

/// What the commands around the core have in common.
struct PortingCall {
    let arguments: ParsedArguments
    let console: Console
    let cancellation: CancellationToken

    init(_ arguments: ParsedArguments, _ console: Console) {
        var console = console
        console.isQuiet = arguments.has(.quiet)
        self.arguments = arguments
        self.console = console
        cancellation = CancellationToken()
        Interruption.cancels(cancellation)
    }

    /// Runs the work and reports what it throws.
    func run(_ work: () throws -> Void) throws(UsageError) -> ExitCode {
        do {
            try work()
            return .done
        } catch let error as UsageError {
            throw error
        } catch is CancellationError {
            console.error("interrupted; run it again to go on")
            return .interrupted
        } catch PortingError.invalidOption(let name, let value, let allowed) {
            console.error(
                "\(PortingError.invalidOption(name: name, value: value, allowed: allowed))")
            return .wrongUsage
        } catch {
            console.error("\(error)")
            switch error {
            case is ModelStoreError, is BagError, is WeightsError, is ConfigurationError,
                PortingError.bagOfSeveral:
                return .modelUnusable
            default: return .trackFailed
            }
        }
    }

    /// The model that was named; `name` where none was.
    func model(defaultName name: String? = nil) throws -> PortedModel {
        let locator = try ModelLocator(
            repository: arguments.value(.repo), isOffline: arguments.has(.offline))
        let name = arguments.value(.name) ?? name
        let files = try locator.locate(name, console: console, cancellation: cancellation)
        // Without a name the bundled model may have stepped in.
        let model = try PortedModel(files, named: name)
        model.warnings.forEach(console.warning)
        return model
    }

    func backend(_ precision: Precision = .float32) throws -> Backend {
        let threads: Int? = try number(.threads, in: Separator.supportedThreads)
        return try Backend(
            threads: threads ?? ProcessInfo.processInfo.activeProcessorCount, precision: precision)
    }

    var encoding: TensorEncoding {
        get throws(UsageError) {
            TensorEncoding(
                try choice(.tensorFormat, TensorEncoding.Container.self) ?? .raw,
                try choice(.tensorType, TensorEncoding.Element.self) ?? .float32)
        }
    }

    /// The folder or file that `option` must name.
    func required(_ option: Option) throws(UsageError) -> String {
        guard let path = arguments.value(option), !path.isEmpty else { throw .missingValue(option) }
        return path
    }

    func number(_ option: Option) throws(UsageError) -> Double? {
        guard let text = arguments.value(option) else { return nil }
        guard let value = Double(text), value.isFinite else {
            throw .invalidValue(option, value: text, allowed: "a number")
        }
        return value
    }

    func number(_ option: Option, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
        guard let text = arguments.value(option) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw .invalidValue(
                option, value: text,
                allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ option: Option, _ type: Choice.Type
    ) throws(UsageError) -> Choice? {
        guard let text = arguments.value(option) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw .invalidValue(
                option, value: text,
                allowed: "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return choice
    }

    /// A bar of `what` on a terminal.
    func progress(_ what: String) -> CountDisplay { CountDisplay(console: console, what: what) }
}

/// Done of so many, drawn into the terminal's current line.
final class CountDisplay {
    private let console: Console
    private let what: String
    private var isDrawn = false

    init(console: Console, what: String) {
        self.console = console
        self.what = what
    }

    func update(_ done: Int, of total: Int) {
        guard console.isTerminal, !console.isQuiet else { return }
        isDrawn = true
        console.redraw("\(what) \(done) of \(total)")
    }

    deinit {
        if isDrawn { console.redraw("") }
    }
}
