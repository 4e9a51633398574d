// The executable: picks the command, answers --help and --version, sets up signals.

import Foundation
import Separation

struct CommandLineTool {
    static let version = "0.1.0"

    /// Runs a call.
    /// - Parameter words: its arguments, without the program's name.
    func run(_ words: [String]) -> ExitCode {
        // Writing to a pipe that nobody reads must not end the work, nor a file that may not grow: both
        // come back as errors.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        let console = Console()
        let named = Command.all.first { $0.definition.name == words.first }
        let action = named?.actions.first { $0.actionName == words.dropFirst().first }
        let command = action ?? named ?? Command.all[0]
        do {
            let arguments = try ArgumentParser(command: command.definition).parse(
                Array(words.dropFirst((named == nil ? 0 : 1) + (action == nil ? 0 : 1))))
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
