// What the commands around the core take from a call, and how they end.

import Demucs
import Foundation
import HTDemucs
import ModelZoo
import Porting
import Tensor

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
        let threads = try arguments.number(.threads, in: Separator.supportedThreads)
        return try Backend(
            threads: threads ?? ProcessInfo.processInfo.activeProcessorCount, precision: precision)
    }

    /// The folder or file that `option` must name.
    func required(_ option: Option) throws(UsageError) -> String {
        guard let path = arguments.value(option), !path.isEmpty else { throw .missingValue(option) }
        return path
    }

    /// The container and type of tensors that are written.
    func encoding(_ container: TensorEncoding.Container) throws(UsageError) -> TensorEncoding {
        TensorEncoding(
            try arguments.choice(.tensorFormat, of: TensorEncoding.Container.allCases) ?? container,
            try arguments.choice(.tensorType, of: TensorEncoding.Element.allCases) ?? .float32)
    }

    /// What `--only` asks for.
    var patterns: [NamePattern] {
        (arguments.value(.only) ?? "*").split(separator: ",").map { NamePattern(String($0)) }
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
