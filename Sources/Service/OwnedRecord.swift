// What jobs and sets have in common: an owner, who may open them for the other users.

import Runs

/// What a user keeps in the data folder, and may open for the others.
protocol OwnedRecord: LedgerRecord {
    /// The name of its folder, whatever the record says.
    var id: String { get set }
    /// The name of the user; nil for the user without a name.
    var owner: String? { get }
    /// Whether all users may read it.
    var isShared: Bool { get }
    /// Whether all values are in their ranges. A damaged record may have any.
    var isPlausible: Bool { get }
}

extension OwnedRecord {
    /// Whether a user may read it. Only the owner may change it.
    func isVisible(to user: String?) -> Bool { owner == user || isShared }
}
