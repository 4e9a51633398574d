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
    _ model: OpaquePointer?, _ mix: UnsafePointer<sd_audio>?, _ settings: UnsafePointer<CChar>?,
    _ event: sd_event_callback?, _ progress: sd_progress_callback?,
    _ context: UnsafeMutableRawPointer?, _ cancellation: OpaquePointer?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let mix = try BorrowedAudio(mix, "mix")
        _ = try required(event, "event", "a function")
        let plan = try PlannedRequest(
            SeparationRequest(json: settingsText(settings), of: [.separation]), of: model)
        let events = try EventCallback(event, context, within: cancellation)
        let call = CallProgress(
            progress, context, of: model.separator, cancelling: events.token)
        let found = try model.separator.analyze(
            options: plan.options, cancellation: call.token, progress: call.report,
            open: { mix.reader() }
        ).analysis
        let fields = found.fields
        events.send(
            "analysis",
            [
                "tempo_bpm": fields["tempo_bpm"], "beats": fields["beats"],
                "downbeats": fields["downbeats"], "metre": fields["metre"],
                "downbeat_confidence": fields["downbeat_confidence"], "key": fields["key"],
            ])
        try events.token.check()
    }
}
