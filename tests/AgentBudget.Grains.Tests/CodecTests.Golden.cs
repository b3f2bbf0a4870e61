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
            Assert.ThrowsAny<Exception>(() => Check([line], "planted"));
        }
    }

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

    private void Check(IEnumerable<string> lines, string release)
    {
        foreach (string line in lines)
        {
            string[] parts = line.Split(' ');
            byte[] bytes = Convert.FromBase64String(parts[3]);
            if (parts[0] == OfView)
            {
                TurnReplies replies = Serializer.Deserialize<TurnReplies>(bytes)!;
                Assert.Equal(parts[1], replies.Replies[0].Answer.View!.Descriptor.FullName);
                Assert.Equal(bytes, Serializer.SerializeToArray(replies));
                continue;
            }

            Command command = Serializer.Deserialize<TurnBatch>(bytes)!.Commands[0];
            string[] known = parts[2].Split(',', StringSplitOptions.RemoveEmptyEntries);
            ParameterInfo[] fields = FieldsOf(command.GetType());
            Assert.Equal(parts[1], command.GetType().Name);
            Assert.Equal(known, fields.Take(known.Length).Select(field => field.Name));

            // All that was sent is in the bytes once more, so nothing was read as something else or left out.
            byte[] again = BytesOfOlderRelease(command, known.Length);
            Assert.True(bytes.AsSpan().IndexOf(again) >= 0, $"{parts[1]} of {release} is read as {command}");
        }
    }

    private static string GoldenFolder([CallerFilePath] string file = "") =>
        Path.Combine(Path.GetDirectoryName(file)!, "..", "golden");
}
