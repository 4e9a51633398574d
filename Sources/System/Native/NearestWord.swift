// Suggestions for misspelled names.

/// The word with the smallest edit distance, if that is at most a third of the length.
package func nearestWord(to word: String, among words: [String]) -> String? {
    let distances = words.map { ($0, editDistance(word, $0)) }
    guard let nearest = distances.min(by: { $0.1 < $1.1 }), nearest.1 <= max(1, word.count / 3)
    else { return nil }
    return nearest.0
}

/// The smallest number of insertions, deletions, replacements and exchanges of neighbours that turn
/// one string into the other, none of them twice at one place (Damerau 1964; Wagner and Fischer
/// 1974).
private func editDistance(_ first: String, _ second: String) -> Int {
    let (first, second) = (Array(first), Array(second))
    var rows = [Array(0...second.count)]
    for (index, character) in first.enumerated() {
        var row = [index + 1]
        for column in second.indices {
            let replaced = rows[index][column] + (character == second[column] ? 0 : 1)
            var distance = min(replaced, rows[index][column + 1] + 1, row[column] + 1)
            if index > 0, column > 0, character == second[column - 1],
                first[index - 1] == second[column]
            {
                distance = min(distance, rows[index - 1][column - 1] + 1)
            }
            row.append(distance)
        }
        rows.append(row)
    }
    return rows[first.count][second.count]
}
