import ModelZoo
import Runs
import TestSupport
import Testing
import Tracks

struct ChosenModelTests {
    @Test func aModelWithFollowersIsFreed() throws {
        let path = Fixture.url("models/cross_first.safetensors").path
        weak var freed: ChosenModel?
        do {
            let model = try ChosenModel(ModelFiles(checkpoint: path))
            freed = model
            var request = SeparationRequest()
            _ = try request.set([("then", "drums=cross_first")], of: Set(FieldScope.allCases)) {
                _, _ in nil
            }
            let files = model.files
            let chain = try model.followed(by: request.then) { _ in files }
            #expect(try chain.digest != model.digest)
            #expect(try model.followed(by: request.then) { _ in files } === chain)
        }
        #expect(freed == nil)
    }
}
