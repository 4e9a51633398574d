// The command takes and refuses the requests that every door takes and refuses.

import Foundation
import TestSupport
import Testing

@Suite struct RequestTests {
    @Test(arguments: RequestCase.all)
    func theCommandAgreesWithTheOtherDoors(request: RequestCase) throws {
        let folder = TemporaryFolder()
        try Data(contentsOf: Fixture.url("audio/encoded/quiet_none_16.wav"))
            .write(to: folder.url("track.wav"))
        let options = request.fields.map {
            $0.value.isEmpty ? "--\($0.name)" : "--\($0.name)=\($0.value)"
        }
        let run = try CommandRun(
            ["track.wav", "-n", "demo", "--dry-run", "--json"] + options, in: folder.url,
            models: Fixture.bundledModels.path, exits: request.outputs.isEmpty ? 2 : 0)
        if request.outputs.isEmpty {
            #expect(run.errors.contains(request.refusal), "\(run.errors)")
            #expect(request.fields.contains { run.errors.contains("'--\($0.name)") })
        } else {
            let outputs = try run.events("track").first?["outputs"] as? [[String: Any]] ?? []
            #expect(outputs.compactMap { $0["stem"] as? String } == request.outputs)
        }
    }
}
