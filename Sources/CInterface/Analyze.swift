// Tempo, beats and key.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Analysis
import CSwiftDemucs
import Demucs
import Runs
import System

@c @implementation
public func sd_analyze(
    _ model: OpaquePointer?, _ mix: UnsafePointer<sd_audio>?,
    _ options: UnsafePointer<sd_separation_options>?, _ event: sd_event_callback?,
    _ context: UnsafeMutableRawPointer?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let mix = try BorrowedAudio(mix, "mix")
        let given = try sd_separation_options.read(
            options, "options", or: sd_separation_options_init)
        let (options, token) = (try given.options(), try given.token())
        var (random, _) = try given.generator()
        // The state moves on even if a callback stops the separation.
        defer { given.giveBack(random) }
        let events = try EventCallback(event, context)
        guard event != nil else {
            throw CallError(SD_ERROR_ARGUMENT, "event is NULL, expected a function")
        }
        try model.separator.validate(options)
        let bag = model.separator.model.memberCount
        let found = try model.separator.analyze(
            options: options, random: &random, cancellation: token,
            progress: { given.report($0, bag: bag, cancelling: token) }, open: { mix.reader() }
        ).analysis
        let fields = found.fields
        events.send(
            "analysis",
            [
                "tempo_bpm": fields["tempo_bpm"], "beats": fields["beats"],
                "downbeats": fields["downbeats"], "key": fields["key"],
            ])
        try events.token.check()
    }
}
