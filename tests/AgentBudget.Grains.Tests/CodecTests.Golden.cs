using System.Reflection;
using System.Runtime.CompilerServices;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using Google.Protobuf.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Grains.Tests;

// Bytes of former releases, which silos of two releases exchange during an upgrade. eng/golden.sh writes them.
public sealed partial class CodecTests
{
    private const string OfCommand = "command";
    private const string OfView = "view";
    private const string OfPart = "part";

    private const string Extension = ".turns";

    private Serializer Serializer => _services.GetRequiredService<Serializer>();

    [Fact]
    public async Task Turns_of_every_former_release_are_read_and_lose_nothing()
    {
        string[] files = Directory.GetFiles(GoldenFolder(), "*" + Extension);
        Assert.NotEmpty(files);
        foreach (string file in files) Check(await File.ReadAllLinesAsync(file), Path.GetFileName(file));
    }

    [Fact]
    public async Task Turns_of_this_release_are_read_and_lose_nothing()
    {
        string[] lines =
        [
            .. CommandTypes.OrderBy(type => type.Name, StringComparer.Ordinal).Select(LineOf),
            .. Views.Select(row => LineOf(row.Data)),
            .. PartTypes.Select(PartLineOf),
        ];
        Check(lines, "now");
        if (Environment.GetEnvironmentVariable("AGENTBUDGET_GOLDEN") is { Length: > 0 } name)
            await File.WriteAllLinesAsync(Path.Combine(GoldenFolder(), name + Extension), lines);
    }

    [Fact]
    public void A_field_that_was_renamed_moved_or_dropped_is_found()
    {
        Type type = CommandTypes.First(candidate => FieldsOf(candidate).Length > 1);
        string[] parts = LineOf(type).Split(' ');
        string[] fields = parts[2].Split(',');
        foreach (string[] other in (string[][])[[.. fields.Reverse()], [.. fields, "more"], ["other", .. fields[1..]]])
        {
            string line = $"{parts[0]} {parts[1]} {string.Join(',', other)} {parts[3]}";
            Assert.ThrowsAny<Exception>(() => Check([line, .. PartTypes.Select(PartLineOf)], "planted"));
        }
    }

    [Fact]
    public void A_field_of_a_part_that_was_renamed_moved_or_dropped_is_found()
    {
        foreach (Type type in PartTypes)
        {
            string[] fields = [.. FieldsOf(type).Select(field => field.Name!)];
            string[][] others = [[.. fields, "more"], ["other", .. fields[1..]]];
            if (fields.Length > 1) others = [.. others, [.. Enumerable.Reverse(fields)]];
            foreach (string[] other in others)
            {
                string line = $"{OfPart} {type.Name} {string.Join(',', other)} -";
                Assert.ThrowsAny<Exception>(() => Check([line], "planted"));
            }
        }
    }

    [Fact]
    public void A_part_that_a_release_does_not_describe_is_found()
    {
        Type command = CommandTypes.First(type => PartsOf(type).Any());
        Assert.ThrowsAny<Exception>(() => Check([LineOf(command)], "planted"));
    }

    [Fact]
    public void Bytes_of_a_part_without_its_last_field_are_read_and_lose_nothing()
    {
        Type type = CommandTypes.First(candidate => PartsOf(candidate).Any(part => FieldsOf(part).Length > 1));
        Type part = PartsOf(type).First(candidate => FieldsOf(candidate).Length > 1);
        Dictionary<string, int> known = PartsOf(type).ToDictionary(each => each.Name, each => FieldsOf(each).Length);
        known[part.Name]--;
        ParameterInfo[] fields = FieldsOf(type);
        Command whole = Make(type, new RandomValues(seed: 1), hasOptional: true);
        byte[] older = BytesOfOlderRelease(whole, fields.Length, known);

        Command read = CommandBytes.Read(older);
        Assert.Equal(older, BytesOfOlderRelease(read, fields.Length, known));
        Assert.NotEqual(older, CommandBytes.Of(read));
    }

    // What fields of commands hold that is no message, and what is within these.
    private static IEnumerable<Type> PartTypes => CommandTypes
        .SelectMany(PartsOf).Distinct().OrderBy(type => type.Name, StringComparer.Ordinal);

    private static IEnumerable<Type> PartsOf(Type type) => FieldsOf(type)
        .Select(field => field.ParameterType.IsGenericType
            ? field.ParameterType.GenericTypeArguments[0]
            : field.ParameterType)
        .Where(IsPart)
        .SelectMany(part => PartsOf(part).Prepend(part));

    private static string PartLineOf(Type type) =>
        $"{OfPart} {type.Name} {string.Join(',', FieldsOf(type).Select(field => field.Name))} -";

    private string LineOf(Type type)
    {
        Command command = Make(type, new RandomValues(seed: 1), hasOptional: true);
        string fields = string.Join(',', FieldsOf(type).Select(field => field.Name));
        return $"{OfCommand} {type.Name} {fields} {Text(new TurnBatch([command]))}";
    }

    private string LineOf(string view)
    {
        MessageDescriptor type = ReplyViews.Single(candidate => candidate.FullName == view);
        Reply reply = new(new Answer(Outcome.Done, View: new RandomValues(seed: 1).Message(type)));
        return $"{OfView} {view} - {Text(new TurnReplies([reply]))}";
    }

    private string Text<T>(T sent) => Convert.ToBase64String(Serializer.SerializeToArray(sent));

    private void Check(string[] lines, string release)
    {
        Dictionary<string, int> known = CheckParts(lines);
        foreach (string line in lines)
        {
            string[] parts = line.Split(' ');
            if (parts[0] == OfPart) continue;
            byte[] bytes = Convert.FromBase64String(parts[3]);
            if (parts[0] == OfView)
            {
                TurnReplies replies = Serializer.Deserialize<TurnReplies>(bytes)!;
                Assert.Equal(parts[1], replies.Replies[0].Answer.View!.Descriptor.FullName);
                Assert.Equal(bytes, Serializer.SerializeToArray(replies));
                continue;
            }

            Command command = Serializer.Deserialize<TurnBatch>(bytes)!.Commands[0];
            string[] names = parts[2].Split(',', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(parts[1], command.GetType().Name);
            CheckFields(names, command.GetType());
            Assert.All(PartsOf(command.GetType()), part => Assert.Contains(part.Name, known));

            // All that was sent is in the bytes once more, so nothing was read as something else or left out.
            byte[] again = BytesOfOlderRelease(command, names.Length, known);
            Assert.True(bytes.AsSpan().IndexOf(again) >= 0, $"{parts[1]} of {release} is read as {command}");
        }
    }

    /// <summary>How many fields each part had; they are the first that it has now.</summary>
    private static Dictionary<string, int> CheckParts(IEnumerable<string> lines)
    {
        Dictionary<string, int> known = new(StringComparer.Ordinal);
        foreach (string[] line in lines.Select(line => line.Split(' ')).Where(line => line[0] == OfPart))
        {
            string[] names = line[2].Split(',', StringSplitOptions.RemoveEmptyEntries);
            CheckFields(names, PartTypes.Single(part => part.Name == line[1]));
            known.Add(line[1], names.Length);
        }

        return known;
    }

    private static void CheckFields(string[] names, Type type) =>
        Assert.Equal(names, FieldsOf(type).Take(names.Length).Select(field => field.Name));

    private static string GoldenFolder([CallerFilePath] string file = "") =>
        Path.Combine(Path.GetDirectoryName(file)!, "..", "golden");
}
