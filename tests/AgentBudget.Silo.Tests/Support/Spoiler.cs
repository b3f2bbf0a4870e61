using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Silo.Tests.Support;

/// <summary>Spoils good JSON and good texts in a few places, keeping the rest of their structure.</summary>
internal static class Spoiler
{
    private const int TimesMax = 3;

    private static readonly string[] Texts =
    [
        "", "0", "-1", "1e400", "NaN", "null", "\u202Euser:kim", "a\u0000b", "\uD800", "\u2028", "../../etc/passwd",
        "agents/writer", "9223372036854775808", new string('x', 5_000), "{}", "%00", "é\u0301",
    ];

    /// <summary>A copy of a tree with some of its values, names or members spoilt.</summary>
    public static JsonNode Spoil(Random random, JsonNode good)
    {
        JsonNode spoilt = good.DeepClone();
        for (int times = random.Next(1, TimesMax + 1); times > 0; times--)
        {
            List<(JsonNode Within, object At)> places = [];
            Collect(spoilt, places);
            if (places.Count == 0)
                return spoilt;
            Change(random, places[random.Next(places.Count)]);
        }

        return spoilt;
    }

    /// <summary>The text of a tree, with one of its members twice now and then.</summary>
    public static string TextOf(Random random, JsonNode tree)
    {
        string text = tree.ToJsonString();
        if (random.Next(6) != 0 || tree is not JsonObject { Count: > 0 } members)
            return text;
        string name = JsonSerializer.Serialize(members.ElementAt(random.Next(members.Count)).Key);
        return $"{text[..^1]},{name}:{JsonSerializer.Serialize(Texts[random.Next(10)])}}}";
    }

    /// <summary>A text with some of its characters or lines taken out, doubled, moved or made odd.</summary>
    public static string Spoil(Random random, string text)
    {
        for (int times = random.Next(1, TimesMax + 1); times > 0 && text.Length > 1; times--)
        {
            int at = random.Next(text.Length);
            int count = random.Next(1, Math.Min(30, text.Length - at) + 1);
            text = random.Next(8) switch
            {
                0 => text.Remove(at, count),
                1 => text.Insert(at, text.Substring(at, count)),
                2 => text[..at],
                3 => text.Insert(at, ((char)random.Next(1, 0x2100)).ToString()),
                4 => text[at..] + text[..at],
                5 => text.Insert(at, Texts[random.Next(Texts.Length)]),
                6 => text.Insert(at, "\n  - { id: ghost }"),
                _ => text.Insert(at, " !!str &a *a ? | > "[random.Next(18)..]),
            };
        }

        return text;
    }

    private static void Collect(JsonNode node, List<(JsonNode, object)> places)
    {
        IEnumerable<(object At, JsonNode? Value)> members = node switch
        {
            JsonObject tree => tree.Select(member => ((object)member.Key, member.Value)),
            JsonArray list => list.Select((item, index) => ((object)index, item)),
            _ => [],
        };
        foreach ((object at, JsonNode? value) in members)
        {
            places.Add((node, at));
            if (value is not null)
                Collect(value, places);
        }
    }

    private static void Change(Random random, (JsonNode Within, object At) place)
    {
        JsonNode? value = random.Next(10) switch
        {
            0 => null,
            1 => random.NextInt64(long.MinValue, long.MaxValue),
            2 => random.NextDouble() * 1e300,
            3 => random.Next(2) == 0,
            4 => new JsonObject { ["sub"] = new JsonArray(1, "a", null) },
            5 => Deep(random.Next(1, 120)),
            6 => new JsonArray(),
            _ => Texts[random.Next(Texts.Length)],
        };
        if (place.Within is JsonArray list)
        {
            list[(int)place.At] = value;
            return;
        }

        JsonObject tree = place.Within.AsObject();
        string name = (string)place.At;
        if (random.Next(4) == 0)
            tree.Remove(name);
        else
            tree[random.Next(6) == 0 ? name + "X" : name] = value;
    }

    private static JsonNode Deep(int levels)
    {
        JsonNode deep = new JsonObject();
        for (int level = 0; level < levels; level++)
            deep = new JsonObject { ["act"] = deep };
        return deep;
    }
}
