// The service takes and refuses the requests that every door takes and refuses.

import Foundation
import TestSupport
import Testing

@Suite struct RequestTests {
    @Test func theServiceAgreesWithTheOtherDoors() throws {
        let service = try RunningService().whenReady()
        let sound = Sound.tone()
        for request in RequestCase.all {
            let fields = request.fields.map { ($0.name, $0.value) }
            let answer = try service.upload(
                form: Form.body(fields, file: sound, name: "a/b\\c.wav"))
            if request.outputs.isEmpty {
                #expect(answer.status == 422, "\(request): \(answer.text)")
                #expect(answer.detail.contains(request.refusal), "\(request): \(answer.detail)")
                continue
            }
            #expect(answer.status == 202, "\(request): \(answer.text)")
            #expect(answer.object["name"] as? String == "c.wav")
            let job = try service.finished(try #require(answer.object["id"] as? String))
            let stems = job["stems"] as? [[String: Any]] ?? []
            #expect(stems.compactMap { $0["name"] as? String } == request.outputs, "\(request)")
        }
    }
}
