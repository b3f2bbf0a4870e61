using System.Reflection;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Grains.Tests;

/// <summary>What crosses from silo to silo arrives as it was sent.</summary>
public sealed partial class CodecTests : IDisposable
{
    private const int Seeds = 20;

    private static readonly NullabilityInfoContext Nullability = new();

    private readonly ServiceProvider _services = new ServiceCollection()
        .AddSerializer(serializer => serializer.AddAssembly(typeof(TurnBatch).Assembly))
        .BuildServiceProvider();

    public static TheoryData<string> Commands => [.. CommandTypes.Select(type => type.Name)];

    public static TheoryData<string> Views =>
    [
        .. ((MessageDescriptor[])
        [
            GetBalanceResponse.Descriptor,
            GetSessionResponse.Descriptor,
            ListSessionsResponse.Descriptor,
            GetCatalogResponse.Descriptor,
            SpendSnapshot.Descriptor,
            Credential.Descriptor,
            ListCredentialsResponse.Descriptor,
            CredentialBookState.Descriptor,
        ]).Select(view => view.FullName),
    ];

    private static IEnumerable<Type> CommandTypes => typeof(Command).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(Command)) && !type.IsAbstract);

    public void Dispose() => _services.Dispose();

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_command_arrives_as_it_was_sent(string name)
    {
        Type type = CommandTypes.Single(candidate => candidate.Name == name);
        for (int seed = 0; seed < Seeds; seed++)
        {
            Command whole = Make(type, new RandomValues(seed), hasOptional: true);
            Command bare = Make(type, new RandomValues(seed), hasOptional: false);
            TurnBatch arrived = RoundTrip(new TurnBatch([whole, bare, whole]));
            AssertSame(whole, arrived.Commands[0], $"seed {seed}");
            AssertSame(bare, arrived.Commands[1], $"seed {seed}, without what is optional");
            AssertSame(whole, arrived.Commands[2], $"seed {seed}, again");
        }
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_command_of_a_release_without_its_last_fields_has_their_defaults(string name)
    {
        Type type = CommandTypes.Single(candidate => candidate.Name == name);
        Command whole = Make(type, new RandomValues(seed: 1), hasOptional: true);
        ParameterInfo[] fields = FieldsOf(type);
        for (int known = 0; known <= fields.Length; known++)
        {
            Command read = CommandBytes.Read(BytesOfOlderRelease(whole, known));
            for (int place = 0; place < fields.Length; place++)
            {
                object? expected = place < known ? ValueOf(whole, fields[place]) : DefaultOf(fields[place]);
                AssertSame(expected, ValueOf(read, fields[place]), $"{name}.{fields[place].Name} of {known} fields");
            }
        }

        Assert.Equal(BytesOfOlderRelease(whole, fields.Length), CommandBytes.Of(whole));
    }

    [Fact]
    public void A_command_of_an_unknown_kind_is_not_read()
    {
        byte[] bytes = Written(output => output.WriteString("UnheardOfCommand"));
        Assert.Throws<InvalidDataException>(() => CommandBytes.Read(bytes));
    }

    [Theory]
    [MemberData(nameof(Views))]
    public void A_view_arrives_as_it_was_sent(string name)
    {
        MessageDescriptor type = ReplyViews.Single(view => view.FullName == name);
        for (int seed = 0; seed < Seeds; seed++)
        {
            Reply sent = new(new Answer(Outcome.Done, View: new RandomValues(seed).Message(type)));
            Assert.Equal(sent, RoundTrip(new TurnReplies([sent])).Replies[0]);
        }
    }

    [Fact]
    public void An_event_arrives_as_it_was_sent_in_an_answer_and_in_a_page()
    {
        for (int seed = 0; seed < Seeds * 10; seed++)
        {
            var sent = (LedgerEvent)new RandomValues(seed).Message(LedgerEvent.Descriptor);
            Reply reply = new(new Answer(Outcome.Done, sent));
            Assert.Equal(reply, RoundTrip(new TurnReplies([reply])).Replies[0]);
            Assert.Equal([sent, sent], RoundTrip(new EventPage([sent, sent])).Events);
        }
    }

    [Fact]
    public void Every_kind_of_event_is_among_those_that_are_tried()
    {
        IEnumerable<LedgerEvent.FactOneofCase> tried = Enumerable.Range(0, Seeds * 10)
            .Select(seed => ((LedgerEvent)new RandomValues(seed).Message(LedgerEvent.Descriptor)).FactCase);
        Assert.Equal(
            Enum.GetValues<LedgerEvent.FactOneofCase>().Where(fact => fact != LedgerEvent.FactOneofCase.None).Order(),
            tried.Distinct().Order());
    }

    [Fact]
    public void Every_outcome_and_every_fault_of_a_tenant_arrives_as_it_was_sent()
    {
        Reply[] sent =
        [
            .. Enum.GetValues<Outcome>().Select(outcome => new Reply(new Answer(outcome))),
            .. Enum.GetValues<TenantFault>().Select(fault => new Reply(default, fault, $"because of {fault}")),
        ];
        Assert.Equal(sent, RoundTrip(new TurnReplies(sent)).Replies);
    }

    [Fact]
    public void Named_faults_arrive_as_they_were_sent_and_none_is_not_an_empty_list()
    {
        Fault[] named = [new("useCases[1].id", "is taken"), new("subagents", "are too many", Left: 0, Limit: 7)];
        Reply[] arrived = RoundTrip(new TurnReplies(
        [
            new(new Answer(Outcome.CatalogInvalid, Faults: named)),
            new(new Answer(Outcome.CatalogInvalid, Faults: [])),
            new(new Answer(Outcome.CatalogInvalid)),
        ])).Replies;
        Assert.Equal(named, arrived[0].Answer.Faults);
        Assert.Equal([], arrived[1].Answer.Faults!);
        Assert.Null(arrived[2].Answer.Faults);
    }

    [Fact]
    public void A_hint_arrives_as_it_was_sent() =>
        Assert.Equal(new LedgerHint(long.MaxValue), RoundTrip(new LedgerHint(long.MaxValue)));

    private static IEnumerable<MessageDescriptor> ReplyViews => ((FileDescriptor[])
    [
        BudgetServiceReflection.Descriptor,
        BalancesReflection.Descriptor,
        SessionServiceReflection.Descriptor,
        CatalogServiceReflection.Descriptor,
        IdentityServiceReflection.Descriptor,
        SpendServiceReflection.Descriptor,
        SnapshotReflection.Descriptor,
    ]).SelectMany(file => file.MessageTypes);

    private static ParameterInfo[] FieldsOf(Type type) => type.GetConstructors().Single().GetParameters();

    private static Command Make(Type type, RandomValues values, bool hasOptional) => (Command)Activator.CreateInstance(
        type, [.. FieldsOf(type).Select(field => MakeField(field, values, hasOptional))])!;

    private static object? MakeField(ParameterInfo field, RandomValues values, bool hasOptional)
    {
        return !hasOptional && Nullability.Create(field).WriteState == NullabilityState.Nullable
            ? null
            : MakeValue(field.ParameterType, values);
    }

    private static object MakeValue(Type type, RandomValues values)
    {
        if (type == typeof(long)) return values.Number();
        if (type == typeof(string)) return values.Text();
        if (type == typeof(ByteString)) return values.Bytes();
        if (type == typeof(bool)) return true;
        if (type.IsGenericType)
        {
            var list = Array.CreateInstance(type.GenericTypeArguments[0], 2);
            for (int place = 0; place < list.Length; place++)
                list.SetValue(MakeValue(type.GenericTypeArguments[0], values), place);
            return list;
        }

        return IsPart(type)
            ? Activator.CreateInstance(
                type, [.. FieldsOf(type).Select(one => MakeField(one, values, hasOptional: true))])!
            : values.Message(DescriptorOf(type));
    }

    private static MessageDescriptor DescriptorOf(Type type) =>
        (MessageDescriptor)type.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!;

    // A record of the ledger that is no message.
    private static bool IsPart(Type type) => !type.IsArray && type.Assembly == typeof(Command).Assembly;

    private static object? ValueOf(object command, ParameterInfo field) =>
        command.GetType().GetProperty(field.Name!)!.GetValue(command);

    private static object? DefaultOf(ParameterInfo field)
    {
        if (field.HasDefaultValue) return field.DefaultValue;
        return field.ParameterType == typeof(long) ? 0L : null;
    }

    private static void AssertSame(Command sent, Command arrived, string where)
    {
        Assert.NotSame(sent, arrived);
        Assert.Equal(sent.GetType(), arrived.GetType());
        Assert.All(FieldsOf(sent.GetType()), field =>
            AssertSame(ValueOf(sent, field), ValueOf(arrived, field), $"{field.Name}, {where}"));
    }

    private static void AssertSame(object? sent, object? arrived, string where)
    {
        if (sent is not null && arrived is not null && IsPart(sent.GetType()))
        {
            Assert.All(FieldsOf(sent.GetType()), field =>
                AssertSame(ValueOf(sent, field), ValueOf(arrived, field), $"{field.Name}, {where}"));
            return;
        }

        if (sent is Array list && arrived is Array others && list.Length == others.Length)
        {
            for (int place = 0; place < list.Length; place++)
                AssertSame(list.GetValue(place), others.GetValue(place), $"{place}, {where}");
            return;
        }

        Assert.True(Equals(sent, arrived), $"{where}: {sent} became {arrived}");
    }

    // The format once more, written by hand: bytes that are on their way between two releases.
    private static byte[] BytesOfOlderRelease(
        Command command, int fields, IReadOnlyDictionary<string, int>? ofParts = null) => Written(output =>
    {
        output.WriteString(command.GetType().Name);
        WriteFields(output, command, fields, ofParts);
    });

    private static void WriteFields(
        CodedOutputStream output, object record, int fields, IReadOnlyDictionary<string, int>? ofParts)
    {
        foreach (ParameterInfo field in FieldsOf(record.GetType()).Take(fields))
        {
            object? value = ValueOf(record, field);
            output.WriteBool(value is not null);
            if (value is not null) WriteValue(output, value, ofParts);
        }
    }

    // Of a part as many fields as are said, and all when nothing is.
    private static void WriteValue(
        CodedOutputStream output, object value, IReadOnlyDictionary<string, int>? ofParts)
    {
        if (value is long number) output.WriteInt64(number);
        if (value is bool flag) output.WriteBool(flag);
        if (value is string text) output.WriteString(text);
        if (value is ByteString bytes) output.WriteBytes(bytes);
        if (value is IMessage message) output.WriteBytes(message.ToByteString());
        if (IsPart(value.GetType()))
        {
            int fields = ofParts is null ? int.MaxValue : ofParts[value.GetType().Name];
            output.WriteBytes(ByteString.CopyFrom(Written(part => WriteFields(part, value, fields, ofParts))));
        }

        if (value is not Array list) return;
        output.WriteInt32(list.Length);
        foreach (object item in list) WriteValue(output, item, ofParts);
    }

    private static byte[] Written(Action<CodedOutputStream> write)
    {
        using MemoryStream bytes = new();
        using (CodedOutputStream output = new(bytes, leaveOpen: true)) write(output);
        return bytes.ToArray();
    }

    private T RoundTrip<T>(T sent)
    {
        Serializer serializer = _services.GetRequiredService<Serializer>();
        return serializer.Deserialize<T>(serializer.SerializeToArray(sent))!;
    }
}
