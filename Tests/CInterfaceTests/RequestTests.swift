import CInterface
import CSwiftDemucs
import Foundation
import TestSupport
import Testing

/// The C interface takes and refuses the requests that every door takes and refuses.
struct RequestTests {
    /// Names of the outputs in the events of a run.
    private final class Outputs {
        var names: [String] = []
    }

    private let folder = TemporaryFolder()

    @Test func theCInterfaceAgreesWithTheOtherDoors() throws {
        let track = try folder.write(
            Data(contentsOf: Fixture.url("audio/encoded/quiet_none_16.wav")), "track.wav")
        var model: OpaquePointer?
        let path = Fixture.bundledModels.appendingPathComponent("demo.safetensors").path
        try #require(sd_open(path, nil, &model, nil, 0) == SD_OK)
        defer { sd_close(model) }
        for request in RequestCase.all {
            let (status, message, outputs) = try run(model, track, request)
            if request.outputs.isEmpty {
                #expect(status == SD_ERROR_ARGUMENT, "\(request): \(message)")
                #expect(message.contains(request.refusal), "\(request): \(message)")
            } else {
                #expect(status == SD_OK && outputs == request.outputs, "\(request): \(message)")
            }
        }
    }

    /// Plans the files of a request.
    private func run(
        _ model: OpaquePointer?, _ track: String, _ request: RequestCase
    ) throws -> (status: sd_status, message: String, outputs: [String]) {
        var settings: [String: Any] = ["dry-run": true, "out": folder.path("out")]
        for (name, value) in request.fields {
            settings[name] = value.isEmpty ? true : value as Any
        }
        let json = try JSONSerialization.data(withJSONObject: settings)
        let outputs = Outputs()
        var message = [CChar](repeating: 0, count: Int(SD_MESSAGE_BYTES))
        let count = message.count
        let status = track.withCString { track in
            var tracks: [UnsafePointer<CChar>?] = [track]
            return sd_run(
                model, &tracks, 1, String(decoding: json, as: UTF8.self),
                { context, event, _ in
                    guard let context, let event,
                        let members = try? JSONSerialization.jsonObject(
                            with: Data(String(cString: event).utf8)) as? [String: Any],
                        members["event"] as? String == "track"
                    else { return 0 }
                    let files = members["outputs"] as? [[String: Any]] ?? []
                    Unmanaged<Outputs>.fromOpaque(context).takeUnretainedValue().names =
                        files.compactMap { $0["stem"] as? String }
                    return 0
                }, nil, Unmanaged.passUnretained(outputs).toOpaque(), nil, &message, count)
        }
        let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        return (status, text, outputs.names)
    }
}
