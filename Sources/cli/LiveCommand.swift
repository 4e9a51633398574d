// `swift-demucs live`: plays a mix of the stems while the music arrives.

import Audio
import Demucs
import ModelZoo
import Signal
import System
import Tensor
import Tracks

extension Option {
    static let preset = Option(
        "preset", values: LivePreset.allCases.map(\.rawValue),
        help: "Delay and quality: fast, balanced or best. (default: balanced)")
    static let lookahead = Option(
        "lookahead", value: "s",
        help: "Seconds to hear after a block before its stems. (default: the preset's)")
    static let hop = Option(
        "hop", value: "s",
        help: "Seconds of a block, and the time that its stems may take. (default: the preset's)")
    static let window = Option(
        "window", value: "s",
        help:
            "Seconds that the model hears for a block; at most its segment. (default: the preset's)"
    )
    static let soloStem = Option("stem", value: "name", help: "Play only this stem.")
    static let mute = Option(
        "mute", value: "name", help: "Play all stems but this one. Can be repeated.")
    static let stemChannels = Option(
        "channels", value: "names",
        help: "Instead of a mix, write every stem on channels of its own, in this order: "
            + "drums,bass,other,vocals.")
    static let wait = Option(
        "wait", help: "Wait for every block of stems, for files: nothing is missing.")
    static let printDelay = Option(
        "print-delay",
        help: "Print the delay in samples of the rate of --raw, or of the model's, and exit.")
    static let rawRate = Option(
        "raw", value: "hz",
        help:
            "Read and write stereo samples of this rate without a header: interleaved little-endian "
            + "float32. (default: WAV)")
    static let inputDevice = Option(
        "input", value: "device",
        help: "Record from a sound device of ALSA, or of PipeWire through it: default, pipewire, "
            + "hw:1. (default: standard input)")
    static let outputDevice = Option(
        "output", value: "device",
        help:
            "Play on a sound device of ALSA, or of PipeWire through it. (default: standard output)")
}

enum LivePreset: String, CaseIterable {
    // The one that listens longest comes first.
    case best, balanced, fast

    var options: LiveOptions {
        switch self {
        case .best: .best
        case .balanced: .balanced
        case .fast: .fast
        }
    }
}

struct LiveCommand {
    private let arguments: ParsedArguments
    private let console: Console
    private let threads: Int
    private let precision: PrecisionChoice
    private let preset: LivePreset
    private let options: LiveOptions
    private let rawRateHz: Int?

    /// Share of the hop that a pass may take without a warning.
    private static let safeShare = 0.8

    static let command = Command(
        name: "live",
        overview: "Play a mix of the stems while the music arrives, a constant delay later.",
        topics: [
            "MODEL": [.name, .repo, .offline, .heardPrecision, .threads],
            "STEMS": [.soloStem, .mute, .stemChannels],
            "DELAY": [.preset, .lookahead, .hop, .window, .wait, .printDelay],
            "SOUND": [.rawRate, .inputDevice, .outputDevice],
            "OUTPUT": Option.common,
        ],
        exclusive: [
            [.soloStem, .mute, .stemChannels], [.rawRate, .inputDevice], [.wait, .inputDevice],
            [.rawRate, .outputDevice],
        ],
        examples: [
            "ffmpeg -v error -i song.mp3 -f wav - | swift-demucs live --mute vocals | ffplay -v error -":
                "Karaoke from any file or stream.",
            "swift-demucs live --input default --output default --stem drums":
                "The drums of what a microphone or another program plays.",
            "swift-demucs live -n demo --wait --stem bass < song.wav > bass.wav":
                "A file, without missing a block.",
        ]
    ) { arguments, console throws(UsageError) in
        try LiveCommand(arguments, console).run()
    }

    init(_ arguments: ParsedArguments, _ console: Console) throws(UsageError) {
        self.arguments = arguments
        self.console = console
        threads = try arguments.threads()
        precision = try arguments.precisionChoice(.heardPrecision)
        preset = try arguments.choice(.preset, of: LivePreset.allCases) ?? .balanced
        rawRateHz = try arguments.number(.rawRate, in: 1...PlanarAudio.highestRateHz)
        var options = preset.options
        if let seconds = try arguments.finiteNumber(.lookahead) {
            options.lookaheadSeconds = seconds
        }
        if let seconds = try arguments.finiteNumber(.hop) { options.hopSeconds = seconds }
        if let seconds = try arguments.finiteNumber(.window) { options.windowSeconds = seconds }
        self.options = options
    }

    private func run() -> ExitCode {
        let display = LiveDisplay(console)
        let interruption = Interruption.cancellation(onCancel: {
            Interruption.endProcessSoon(.interrupted)
            display.restore()
        })
        return console.reporting {
            defer { display.restore() }
            if arguments.value(.outputDevice) == nil, !arguments.has(.printDelay),
                isatty(STDOUT_FILENO) == 1
            {
                throw UsageError(
                    "Standard output is a terminal; redirect it, or play the sound with "
                        + "'\(Option.outputDevice.usage)'")
            }
            let separator = try Separator(
                arguments, threads: threads, precision, console: console,
                cancellation: interruption)
            let options =
                arguments.has(.window) ? options : options.fitting(separator.model)
            let controls = LiveControls(
                separator.model.sources,
                try gains(separator.model.sources, adding: separator.stems.sources))
            let input =
                arguments.has(.printDelay)
                ? nil
                : try LiveInput(
                    device: arguments.value(.inputDevice), rawRateHz: rawRateHz, separator.model)
            let filter: LiveFilter
            do {
                filter = try self.filter(separator, options, input, controls, interruption)
            } catch let error as SeparationError {
                throw UsageError(error, arguments) ?? error
            }
            defer { filter.stop() }
            guard let input else {
                console.result("\(filter.delaySamples)")
                return .done
            }
            let isOver = CancellationToken(within: interruption)
            if !arguments.has(.stemChannels) {
                display.begin(
                    controls,
                    delaySeconds: Double(filter.delaySamples) / Double(input.sampleRateHz), filter
                ) {
                    isOver.cancel()
                    Interruption.endProcessSoon(.done)
                }
            }
            try play(input, filter, isOver)
            display.restore()
            report(filter)
            return interruption.isCancelled ? .interrupted : .done
        }
    }

    /// The filter from the input to the mix, or to the stems of `--channels`.
    ///
    /// - Parameter input: nil where only the delay is wanted.
    private func filter(
        _ separator: Separator, _ options: LiveOptions, _ input: LiveInput?,
        _ controls: LiveControls, _ cancellation: CancellationToken
    ) throws -> LiveFilter {
        let model = separator.model
        let rows = try stemRows(model)
        if !arguments.has(.wait), !arguments.has(.printDelay), !console.isQuiet {
            try checkSpeed(separator, options, cancellation)
        }
        var mixer = LiveMixer(
            channelCount: model.audioChannels, sampleRateHz: model.sampleRateHz)
        return try LiveFilter(
            separator, options, channelCount: input?.channelCount ?? model.audioChannels,
            sampleRateHz: input?.sampleRateHz ?? rawRateHz ?? model.sampleRateHz,
            isWaiting: arguments.has(.wait),
            rowCount: rows?.count ?? model.audioChannels, cancellation: cancellation
        ) { block in
            if let rows {
                let stems = block.filledStems
                return PlanarAudio(
                    channels: rows.map { stems.channels[$0] }, sampleRateHz: stems.sampleRateHz)
            }
            controls.show(block)
            return mixer.mix(block, gains: controls.gains)
        }
    }

    private func play(
        _ input: LiveInput, _ filter: LiveFilter, _ isOver: CancellationToken
    ) throws {
        let output = try LiveOutput(
            device: arguments.value(.outputDevice), isRaw: rawRateHz != nil,
            channelCount: filter.rowCount, sampleRateHz: input.sampleRateHz)
        do {
            while let block = try input.next(isOver) {
                try output.write(try filter.process(block))
            }
            if !isOver.isCancelled { try output.write(try filter.finish()) }
            output.finish()
        } catch AudioError.readerGone {
            // Who listens has heard enough.
        }
    }

    private func report(_ filter: LiveFilter) {
        if let seconds = filter.inputGuard.firstSeconds {
            console.warning(
                "\(filter.inputGuard.removedSamples) samples were not finite or beyond "
                    + "±\(Int(LiveGuard.limit)) and became silence, the first at "
                    + "\(seconds.fixed(3)) s")
        }
        if filter.silencedPasses > 0 {
            console.warning(
                "\(filter.silencedPasses) of \(filter.passCount) blocks became silence, because the model "
                    + "gave samples that are not finite numbers; check its weights")
        }
        if filter.missedPasses > 0 {
            console.warning(
                "\(filter.missedPasses) of \(filter.passCount) blocks came too late; the input was "
                    + "played in their place")
        }
    }

    /// The gain of each stem at the start.
    ///
    /// - Parameter whole: the stems that add up to the sound; others are heard only alone.
    private func gains(_ stems: [String], adding whole: [String]) throws -> [Float] {
        for (option, name) in [Option.soloStem, .mute].flatMap({ option in
            arguments.values(option).map { (option, $0) }
        }) where !stems.contains(name) {
            throw UsageError.invalidValue(
                option, value: name, allowed: "one of " + stems.joined(separator: ", "))
        }
        let muted = arguments.values(.mute)
        let solo = arguments.value(.soloStem)
        let heard = solo.map { [$0] } ?? whole
        return stems.map { heard.contains($0) && !muted.contains($0) ? 1 : 0 }
    }

    /// The rows of all stems in the order of `--channels`; nil without it.
    private func stemRows(_ model: ModelInformation) throws(UsageError) -> [Int]? {
        guard let names = arguments.value(.stemChannels)?.split(separator: ",").map(String.init)
        else { return nil }
        guard names.sorted() == model.sources.sorted() else {
            throw .invalidValue(
                .stemChannels, value: names.joined(separator: ","),
                allowed: "all stems of the model, " + model.sources.joined(separator: ","))
        }
        return names.flatMap { name in
            let first = (model.sources.firstIndex(of: name) ?? 0) * model.audioChannels
            return Array(first..<first + model.audioChannels)
        }
    }

    /// Measures whether the machine can hold the hop, before the sound starts. If not, it only warns: the machine
    /// may be busy for a moment.
    private func checkSpeed(
        _ separator: Separator, _ options: LiveOptions, _ cancellation: CancellationToken
    ) throws {
        let seconds = try separator.livePassSeconds(options, cancellation: cancellation)
        let text =
            "a block of \(options.hopSeconds.fixed(2)) s takes \(seconds.fixed(2)) s here"
        guard seconds > Self.safeShare * options.hopSeconds else {
            return console.status("Live: \(text)")
        }
        let other = try LivePreset.allCases.first { other in
            guard other != preset else { return false }
            let options = other.options.fitting(separator.model)
            let seconds = try separator.livePassSeconds(options, cancellation: cancellation)
            return seconds <= Self.safeShare * options.hopSeconds
        }
        let hop = (seconds / Self.safeShare * 10).rounded(.up) / 10
        let remedy =
            other.map { "'--preset \($0.rawValue)' holds" }
            ?? "try '--hop \(hop.fixed(1))'\(separator.precision == .int8 ? "" : ", '--precision int8'") "
            + "or a shorter '--window'"
        let isTooSlow = seconds > options.hopSeconds
        console.warning(
            text
                + (isTooSlow
                    ? ", so many will be late" : ", which leaves little time for other programs")
                + "; \(remedy)")
    }
}

extension LiveOptions {
    /// With a window that is no longer than the model's segment.
    fileprivate func fitting(_ model: ModelInformation) -> LiveOptions {
        var options = self
        if let window = windowSeconds, window > model.segmentSeconds { options.windowSeconds = nil }
        return options
    }
}
