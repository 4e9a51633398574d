// The executable: picks the command, answers --help and --version, sets up signals.

import Foundation
import Separation

struct CommandLineTool {
    static let version = "0.1.0"

    /// Runs a call.
    /// - Parameter words: its arguments, without the program's name.
    func run(_ words: [String]) -> ExitCode {
        // Writing to a pipe that nobody reads must not end the work.
        signal(SIGPIPE, SIG_IGN)
        let console = Console()
        // A name may be of two words: `tensors prepare`.
        let named = Command.all.first { words.starts(with: $0.definition.words) }
        let command = named ?? Command.all[0]
        do {
            let group = named == nil ? group(words) : []
            if !group.isEmpty {
                guard words.count < 2 || words[1].hasPrefix("-") else {
                    throw UsageError.unknownAction(words[1], allowed: group.map { $0.words[1] })
                }
                console.result(HelpText.overview(of: group))
                return words.count < 2 ? .wrongUsage : .done
            }
            let arguments = try ArgumentParser(command: command.definition).parse(
                Array(words.dropFirst(named?.definition.words.count ?? 0)))
            if arguments.has(.help) {
                console.result("\(HelpText(command: command.definition))")
                return .done
            }
            if arguments.has(.version) {
                return printVersion(console)
            }
            return try command.run(arguments, console)
        } catch {
            console.error("\(error)")
            return .wrongUsage
        }
    }

    /// The commands that share their first of two words with this call.
    private func group(_ words: [String]) -> [CommandDefinition] {
        Command.all.map(\.definition).filter { $0.words.count == 2 && $0.words[0] == words.first }
    }

    /// The version is told even where no kernels can run.
    private func printVersion(_ console: Console) -> ExitCode {
        console.result("swift-demucs \(CommandLineTool.version)")
        do {
            let engine = try EngineInformation()
            console.result("instruction set: \(engine.instructionSet)")
            console.result("matrix products: \(engine.products)")
            return .done
        } catch {
            console.error("\(error)")
            return .wrongUsage
        }
    }
}
