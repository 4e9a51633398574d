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
            let request = try arguments.request()
            if request.hasNoStems, !arguments.has(.stemFile) {
                throw UsageError(
                    "'\(Option.writtenStems.long) \(SeparationRequest.noStems)' needs "
                        + "'\(Option.stemFile.long)', or nothing would be written")
            }
            var run = RunSettings(
                request: request, givenFields: arguments.givenFields,
                output: Settings.output(request, arguments))
            run.stemFile = try Settings.stemFile(arguments)
            if let folder = arguments.value(.out) { run.folder = folder }
            if let text = arguments.value(.filename) {
                do throws(RunError) { run.template = try FileNameTemplate(text) } catch {
                    throw UsageError(error)
                }
            }
            run.standardOutput = arguments.value(.stdout)
            run.threads = try arguments.threads()
            run.jobs = try arguments.number(.jobs, in: 0...1024) ?? 0
            run.shard = try arguments.value(
                .shard,
                allowed: "I/N, shard I of N, counted from 0, such as 0/8 for the first of eight"
            ) { Shard($0) }
            run.isFollowing = arguments.has(.follow)
            run.timeoutSeconds = try arguments.value(
                .timeout, allowed: "a number of seconds above 0 and at most 1000000000"
            ) {
                Double($0).flatMap { $0 > 0 && $0 <= 1e9 ? $0 : nil }
            }
            run.maximumSeconds = try arguments.time(.maxDuration)
            run.quarantineAfter = try arguments.number(.quarantineAfter, in: 1...1_000_000)
            run.isDryRun = arguments.has(.dryRun)
            run.skipsExisting = arguments.has(.skipExisting)
            run.isForced = arguments.has(.force)
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

        /// - Returns: how the files of a request are written.
        static func output(
            _ request: SeparationRequest, _ arguments: ParsedArguments
        ) -> OutputOptions {
            // DJ software plays the four stems of a stem file together: they have to sum to the mix.
            var options = request.output(
                gain: arguments.has(.stemFile) ? .common : .perStem,
                spoolFolder: arguments.value(.spool))
            if arguments.has(.raw) { options.format.container = .rawFloat32 }
            return options
        }

        private static func stemFile(
            _ arguments: ParsedArguments
        ) throws(UsageError) -> StemFileFormat? {
            let codec = try arguments.choice(.stemCodec, of: StemFileFormat.Codec.allCases)
            guard
                let container = try arguments.choice(
                    .stemFile, of: StemFileFormat.Container.allCases)
            else {
                if codec != nil { throw .needs(.stemCodec, .stemFile) }
                return nil
            }
            if let codec, !container.codecs.contains(codec) {
                let names = container.codecs.map(\.rawValue).joined(separator: " or ")
                throw .invalidValue(
                    .stemCodec, value: codec.rawValue,
                    allowed: "\(names) with '\(Option.stemFile.long) \(container.rawValue)'")
            }
            return StemFileFormat(container: container, codec: codec ?? container.codecs[0])
        }
    }
}

extension ParsedArguments {
    /// A time in seconds, from `83.5`, `1:23.5` or `1:02:03`.
    func time(_ option: Option) throws(UsageError) -> Double? {
        try value(option, allowed: SeparationRequest.expectedTime, SeparationRequest.seconds)
    }
}
