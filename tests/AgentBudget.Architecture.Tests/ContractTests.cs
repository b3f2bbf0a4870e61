using AgentBudget.Protocol.V1;
using Google.Protobuf.Reflection;
using Google.Rpc;

namespace AgentBudget.Architecture.Tests;

/// <summary>Promises that every service of the contract keeps. Comments on every element are the lint's part.</summary>
public sealed class ContractTests
{
    private static readonly string[] ReadingVerbs = ["Get", "List", "Watch", "Verify", "Export"];

    // Named results of a task, what they are compared with, how many of a unit, and statistics: never money.
    private static readonly string[] Quantities =
    [
        "agentbudget.v1.Outcome.MetricsEntry.value", "agentbudget.v1.OutcomeRule.baseline",
        "agentbudget.v1.OutcomeCost.delta", "agentbudget.v1.RecordCostRequest.quantity",
        "agentbudget.v1.ChargebackRow.quantity", "agentbudget.v1.AnomalyFactors.calls",
        "agentbudget.v1.AnomalyFactors.tokens_per_call", "agentbudget.v1.AnomalyFactors.price_per_token",
        "agentbudget.v1.SharedParts.lift", "agentbudget.v1.SharedParts.p", "agentbudget.v1.SharedParts.q",
        "agentbudget.v1.SpendMovement.correlation", "agentbudget.v1.SpendMovement.p",
        "agentbudget.v1.SpendMovement.q",
    ];

    private static readonly IReadOnlyList<FileDescriptor> Files = [.. typeof(LedgerEvent).Assembly.GetTypes()
        .Where(type => type.Name.EndsWith("Reflection", StringComparison.Ordinal))
        .Select(type => (FileDescriptor)type.GetProperty("Descriptor")!.GetValue(null)!)];

    private static IEnumerable<MethodDescriptor> Methods =>
        Files.SelectMany(file => file.Services).SelectMany(service => service.Methods);

    public static TheoryData<string> Mutations => [.. Methods.Where(IsMutation).Select(method => method.FullName)];

    public static TheoryData<string> Lists => [.. Methods
        .Where(method => method.Name.StartsWith("List", StringComparison.Ordinal))
        .Select(method => method.FullName)];

    private static readonly FileDescriptor[] OfPackages =
    [
        StatusReflection.Descriptor, Google.Api.HttpReflection.Descriptor, Google.Api.AnnotationsReflection.Descriptor,
    ];

    [Fact]
    public void Every_proto_file_is_compiled() => Assert.Equal(
        Repository.FilesEnding(".proto").Where(file => file.StartsWith("protos/", StringComparison.Ordinal)),
        // Compiled here, or, of what is not ours, in a package.
        Files.Concat(OfPackages).Select(file => $"protos/{file.Name}").Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Mutations))]
    public void A_mutation_has_a_request_id(string fullName)
    {
        MethodDescriptor method = Method(fullName);
        IEnumerable<MessageDescriptor> requests = method.IsClientStreaming
            ? method.InputType.Oneofs.Single().Fields.Select(item => item.MessageType)
            : [method.InputType];
        Assert.All(requests, request =>
        {
            FieldDescriptor? field = request.FindFieldByNumber(1);
            Assert.Equal("request_id", field?.Name);
            Assert.Equal(FieldType.String, field!.FieldType);
        });
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public void A_list_pages(string fullName)
    {
        MethodDescriptor method = Method(fullName);
        Assert.NotNull(method.InputType.FindFieldByName("page_size"));
        Assert.NotNull(method.InputType.FindFieldByName("page_token"));
        Assert.NotNull(method.OutputType.FindFieldByName("next_page_token"));
    }

    [Fact]
    public void A_method_is_called_by_get_when_it_only_reads_and_takes_no_session_token() => Assert.Equal(
        Methods.Where(MayBeAQuery).Select(method => method.FullName),
        Methods.Where(method => method.GetOptions()?.IdempotencyLevel
            == MethodOptions.Types.IdempotencyLevel.NoSideEffects).Select(method => method.FullName));

    [Fact]
    public void No_field_is_a_float_but_the_callers_quantities() =>
        Findings.AreNone(Files.SelectMany(file => file.MessageTypes).SelectMany(WithNested)
            .SelectMany(message => message.Fields.InDeclarationOrder())
            .Where(field => field.FieldType is FieldType.Double or FieldType.Float)
            .Select(field => field.FullName)
            .Except(Quantities));

    private static IEnumerable<MessageDescriptor> WithNested(MessageDescriptor message) =>
        message.NestedTypes.SelectMany(WithNested).Prepend(message);

    // A query is seen by proxies and kept in their logs.
    private static bool MayBeAQuery(MethodDescriptor method) =>
        (method.Name.StartsWith("Get", StringComparison.Ordinal)
            || method.Name.StartsWith("List", StringComparison.Ordinal))
        && method.InputType.FindFieldByName("session_token") is null;

    private static bool IsMutation(MethodDescriptor method) =>
        !ReadingVerbs.Any(verb => method.Name.StartsWith(verb, StringComparison.Ordinal));

    private static MethodDescriptor Method(string fullName) => Methods.Single(method => method.FullName == fullName);
}
