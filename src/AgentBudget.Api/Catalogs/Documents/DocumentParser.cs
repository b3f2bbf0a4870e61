using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>
/// Parses YAML, or JSON as a part of it, into nodes with lines. Depth is bounded before anything recurses over it, and
/// anchors are refused, so a small document cannot become a large one.
/// </summary>
internal static class DocumentParser
{
    /// <summary>A catalog nests six deep; this leaves room and keeps recursion far from the end of the stack.</summary>
    internal const int DepthMax = 32;

    private const char ByteOrderMark = '\uFEFF';

    /// <summary>The document's root, or null with at least one fault.</summary>
    internal static DocumentNode? Parse(string document, bool isJson, List<DocumentFault> faults)
    {
        // A byte order mark says how the bytes before were to be read, and nothing of what is written.
        document = document.StartsWith(ByteOrderMark) ? document[1..] : document;
        if (!DocumentText.IsSeen(document, faults) || (isJson && !IsJson(document, faults)))
            return null;
        Parser parser = new(new StringReader(document));
        try
        {
            parser.Consume<StreamStart>();
            if (!TryTake(parser, out DocumentStart? _))
            {
                faults.Add(new DocumentFault(1, "", "the document is empty."));
                return null;
            }

            DocumentNode? root = ReadNode(parser, depth: 0, faults);
            if (root is null)
                return null;
            parser.Consume<DocumentEnd>();
            if (TryTake(parser, out DocumentStart? second))
            {
                faults.Add(
                    new DocumentFault(LineOf(second), "", "a second document begins here: a file holds one catalog."));
                return null;
            }

            return root;
        }
        catch (YamlException fault)
        {
            int line = (int)Math.Max(fault.Start.Line, 1);
            faults.Add(new DocumentFault(line, "", $"not readable: {InnermostOf(fault)}"));
            return null;
        }
        catch (InvalidOperationException)
        {
            // So the library ends where a line within braces begins like an item of a list.
            int line = parser.Current is { } last ? LineOf(last) : 1;
            faults.Add(new DocumentFault(line, "", "not readable from here on: is a brace or a bracket left open?"));
            return null;
        }
        catch (ArgumentException)
        {
            // So it ends at the number of a character that is none.
            int line = parser.Current is { } last ? LineOf(last) : 1;
            faults.Add(new DocumentFault(line, "", "not readable from here on: \\U names no character."));
            return null;
        }
    }

    private static bool IsJson(string document, List<DocumentFault> faults)
    {
        Utf8JsonReader reader = new(Encoding.UTF8.GetBytes(document), new JsonReaderOptions { MaxDepth = DepthMax });
        try
        {
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException fault)
        {
            faults.Add(new DocumentFault((int)(fault.LineNumber ?? 0) + 1, "", "not readable as JSON."));
            return false;
        }
    }

    private static DocumentNode? ReadNode(Parser parser, int depth, List<DocumentFault> faults)
    {
        ParsingEvent next = parser.Current ?? throw new YamlException("the document ends too early.");
        if (depth > DepthMax)
        {
            faults.Add(new DocumentFault(LineOf(next), "", $"nested deeper than {DepthMax}."));
            return null;
        }

        if (next is AnchorAlias || next is NodeEvent { Anchor.IsEmpty: false })
        {
            faults.Add(
                new DocumentFault(LineOf(next), "", "anchors and aliases are not accepted: write the value out."));
            return null;
        }

        if (next is NodeEvent { Tag.IsEmpty: false })
        {
            faults.Add(new DocumentFault(LineOf(next), "", "tags are not accepted: write the value as it is meant."));
            return null;
        }

        if (TryTake(parser, out Scalar? scalar))
        {
            // An escape writes what the text itself may not have.
            return DocumentText.IsSeen(scalar.Value, LineOf(scalar), faults)
                ? new ScalarNode(scalar.Value, scalar.Style != ScalarStyle.Plain, LineOf(scalar))
                : null;
        }

        if (TryTake(parser, out SequenceStart? list))
            return ReadList(parser, list, depth, faults);
        return ReadMap(parser, parser.Consume<MappingStart>(), depth, faults);
    }

    private static ListNode? ReadList(Parser parser, SequenceStart start, int depth, List<DocumentFault> faults)
    {
        List<DocumentNode> items = [];
        while (!TryTake(parser, out SequenceEnd? _))
        {
            if (ReadNode(parser, depth + 1, faults) is not { } item)
                return null;
            items.Add(item);
        }

        return new ListNode(items, LineOf(start));
    }

    private static MapNode? ReadMap(Parser parser, MappingStart start, int depth, List<DocumentFault> faults)
    {
        List<MapEntry> entries = [];
        while (!TryTake(parser, out MappingEnd? _))
        {
            if (ReadNode(parser, depth + 1, faults) is not { } key)
                return null;
            if (key is not ScalarNode { Text: { Length: > 0 } text })
            {
                faults.Add(new DocumentFault(key.Line, "", "a key must be a word."));
                return null;
            }

            if (ReadNode(parser, depth + 1, faults) is not { } value)
                return null;
            entries.Add(new MapEntry(text, key.Line, value));
        }

        return new MapNode(entries, LineOf(start));
    }

    private static bool TryTake<T>(Parser parser, [NotNullWhen(true)] out T? taken)
        where T : ParsingEvent
    {
        taken = parser.Current as T;
        if (taken is not null)
            parser.MoveNext();
        return taken is not null;
    }

    private static int LineOf(ParsingEvent parsed) => (int)Math.Max(parsed.Start.Line, 1);

    private static string InnermostOf(Exception fault)
    {
        while (fault.InnerException is { } inner)
            fault = inner;
        return fault.Message;
    }
}
