// The executable: selects the command, answers --help and --version, sets up signals.

import CSwiftDemucs
import Demucs
import Runs
import System

package struct CommandLineTool {
    package static let version = SD_VERSION

    private let serve: Command.Run

    /// - Parameter serve: runs `swift-demucs serve`.
    package init(serve: @escaping Command.Run) { self.serve = serve }

    /// Parses the arguments and runs the command that they name.
    /// - Parameter words: the arguments, without the program's name.
    package func run(_ words: [String]) -> ExitCode {
        let (command, wordCount) = Command.named(by: words) ?? (Command.all[0], 0)
        return run(command, Array(words.dropFirst(wordCount)))
    }

    /// Parses the arguments of a command and runs it.
    private func run(_ command: Command, _ words: [String]) -> ExitCode {
        // A closed pipe and the limit on file sizes are reported by `write` as errors.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        // A parent that ignores it would hide how ffmpeg has ended.
        signal(SIGCHLD, SIG_DFL)
        let console = Console()
        let (stack, least) = (stack_limit_bytes(), SystemThread.leastStackBytes)
        guard stack >= least else {
            console.error(
                "The stack is limited to \(stack >> 10) kB, and \(least >> 10) kB are needed: run "
                    + "'ulimit -s 8192' before")
            return .wrongUsage
        }
        if !words.contains(Option.verbose.long) { drop_decoder_messages() }
        return console.checked(run(command, words, console))
    }

    private func run(_ command: Command, _ words: [String], _ console: Console) -> ExitCode {
        var console = console
        do {
            let arguments = try ArgumentParser(command: command).parse(words)
            if arguments.has(.help) {
                let isShort = arguments.value(.help) == ParsedArguments.shortForm
                console.result(isShort ? command.shortHelp : command.help)
                return .done
            }
            if arguments.has(.version) {
                return printVersion(console)
            }
            console.isQuiet = arguments.has(.quiet)
            console.isVerbose = arguments.has(.verbose)
            return try (command.run ?? serve)(arguments, console)
        } catch {
            console.error("\(error)")
            return .wrongUsage
        }
    }

    /// Prints the version first, even on a CPU that no kernel supports.
    private func printVersion(_ console: Console) -> ExitCode {
        console.result("swift-demucs \(CommandLineTool.version)")
        return console.reporting(failure: .wrongUsage) {
            let engine = try EngineInformation()
            console.result("instruction set: \(engine.instructionSet)")
            engine.obstacle.map { console.warning($0) }
            console.result("matrix products: \(engine.products)")
            return .done
        }
    }
}

package enum ExitCode: Int32, CaseIterable {
    case done = 0
    case trackFailed = 1
    case wrongUsage = 2
    case modelUnusable = 3
    case interrupted = 130
    /// The exit code of a program that SIGPIPE ends.
    case pipeClosed = 141

    /// The exit code for an error that ends a command.
    package init(_ cause: ErrorCause) {
        self =
            switch cause {
            case .argument: .wrongUsage
            case .cancelled: .interrupted
            case .modelName, .modelMissing, .model: .modelUnusable
            case .unsuitable, .tooLong, .input, .inputAccess, .notAudio, .noRoom,
                .tooManyFiles, .output, .encoding, .modelResult, .engine, .program, .system,
                .internal:
                .trackFailed
            }
    }

    init(_ outcome: RunOutcome) {
        self =
            switch outcome {
            case .done: .done
            case .trackFailed: .trackFailed
            case .interrupted: .interrupted
            case .pipeClosed: .pipeClosed
            }
    }

    /// Meaning of the code in the manual.
    var meaning: String {
        switch self {
        case .done: "Success."
        case .trackFailed: "A track or a test failed; the other tracks are done."
        case .wrongUsage: "Invalid arguments; nothing was started."
        case .modelUnusable: "The model is missing, unreadable or not supported."
        case .interrupted: "Interrupted (SIGINT, SIGTERM); finished tracks are complete."
        case .pipeClosed: "The reader of standard output closed the pipe."
        }
    }
}
