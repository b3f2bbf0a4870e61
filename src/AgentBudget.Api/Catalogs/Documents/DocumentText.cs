using System.Buffers;
using System.Text;
using AgentBudget.Identity;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>
/// Holds a document to characters that a reviewer sees as the parser reads them: what ends a comment for one and not
/// for the other, or shows a line in another order, is no part of a catalog.
/// </summary>
internal static class DocumentText
{
    /// <summary>Faults that are named; a document of another kind has one in every line.</summary>
    private const int FaultsMax = 10;

    /// <summary>Whether all of a document is seen; otherwise each fault is added with its line.</summary>
    internal static bool IsSeen(ReadOnlySpan<char> document, List<DocumentFault> faults)
    {
        int before = faults.Count;
        int line = 1;
        while (!document.IsEmpty && faults.Count - before < FaultsMax)
        {
            OperationStatus status = Rune.DecodeFromUtf16(document, out Rune rune, out int consumed);
            ReadOnlySpan<char> after = document[consumed..];
            bool isLineEnd = rune.Value is '\n' || (rune.Value is '\r' && after.StartsWith('\n'));
            if (status != OperationStatus.Done || !(isLineEnd || IsSeen(rune)))
                faults.Add(new DocumentFault(line, "", FaultOf(status, rune)));
            if (rune.Value is '\n')
                line++;
            document = after;
        }

        return faults.Count == before;
    }

    /// <summary>Whether all of a value is seen; line ends and tabs are for its field to refuse.</summary>
    internal static bool IsSeen(string value, int line, List<DocumentFault> faults)
    {
        ReadOnlySpan<char> rest = value;
        while (!rest.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf16(rest, out Rune rune, out int consumed);
            if (status != OperationStatus.Done || !(rune.Value is '\n' || IsSeen(rune)))
            {
                faults.Add(new DocumentFault(line, "", FaultOf(status, rune)));
                return false;
            }

            rest = rest[consumed..];
        }

        return true;
    }

    private static bool IsSeen(Rune rune) => rune.Value is '\t' || SeenText.IsSeen(rune);

    private static string FaultOf(OperationStatus status, Rune rune) => status != OperationStatus.Done
        ? "half a character is not accepted."
        : $"the character U+{rune.Value:X4} is not accepted: it is not seen, or changes how what is around it is seen.";
}
