// The arguments of `separate`, typed and checked as far as possible without the model and the tracks.

import Demucs
import Runs

extension SeparateCommand {
    struct Settings {
        /// The arguments as typed.
        let arguments: ParsedArguments
        let run: RunSettings

        init(_ arguments: ParsedArguments) throws(UsageError) {
            if arguments.has(.signature) {
                throw UsageError(
                    "'\(Option.signature.long)' is not supported: only the reference's solver can "
                        + "read its training runs; export the model and pass the checkpoint with "
                        + "'\(Option.name.long)'")
            }
            if arguments.has(.raw) && !arguments.has(.stdout) { throw .needs(.raw, .stdout) }
            if let device = arguments.value(.device), device != "cpu" {
                throw .invalidValue(
                    .device, value: device, allowed: "cpu, the only supported device")
            }
            self.arguments = arguments
            var run = try arguments.runSettings()
            run.isRaw = arguments.has(.raw)
            run.standardOutput = arguments.value(.stdout)
            run.threads = try arguments.threads()
            run.jobs = try arguments.number(.jobs, in: 0...1024) ?? 0
            run.shard = try arguments.value(
                .shard,
                allowed: "I/N, shard I of N, counted from 0, such as 0/8 for the first of eight"
            ) { Shard($0) }
            run.isFollowing = arguments.has(.follow)
            run.quarantineAfter = try arguments.number(.quarantineAfter, in: 1...1_000_000)
            self.run = run
            try checkManifestOptions()
        }

        var isJSON: Bool { arguments.has(.jsonLines) }
        var manifest: String? { arguments.value(.manifest) }

        private func checkManifestOptions() throws(UsageError) {
            if manifest == nil {
                for option in [Option.shard, .follow, .quarantineAfter] where arguments.has(option)
                {
                    throw .needs(option, .manifest)
                }
            } else if let operand = arguments.operands.first {
                throw UsageError(
                    "Unexpected argument '\(operand)': '\(Option.manifest.long)' names all tracks")
            }
        }
    }
}
