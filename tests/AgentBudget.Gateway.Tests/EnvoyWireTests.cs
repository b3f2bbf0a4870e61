using AgentBudget.Gateway.Envoy.Authorizations;
using AgentBudget.Gateway.Envoy.Core;
using AgentBudget.Gateway.Envoy.RateLimits;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AgentBudget.Gateway.Tests;

/// <summary>
/// The wire of Envoy's services, against what Envoy publishes: the numbers of ours, and calls of a client that knows
/// nothing of ours and sends every field that there is.
/// </summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class EnvoyWireTests(SharedGateway shared)
{
    private const ulong Million = 1_000_000;
    private const string Package = "envoy.service";

    // Of github.com/envoyproxy/data-plane-api, with is_negative_hits of release 1.38.
    private const string Published = """
        envoy.config.core.v3.HeaderMap.headers 1 HeaderValue[]
        envoy.config.core.v3.HeaderValue.key 1 String
        envoy.config.core.v3.HeaderValue.raw_value 3 Bytes
        envoy.config.core.v3.HeaderValue.value 2 String
        envoy.config.core.v3.HeaderValueOption.append 2 BoolValue
        envoy.config.core.v3.HeaderValueOption.header 1 HeaderValue
        envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.entries 1 Entry[]
        envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.hits_addend 3 UInt64Value
        envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.is_negative_hits 4 Bool
        envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.limit 2 RateLimitOverride
        envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry.key 1 String
        envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry.value 2 String
        envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.RateLimitOverride.requests_per_unit 1 UInt32
        envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.RateLimitOverride.unit 2 RateLimitUnit
        envoy.service.auth.v3.AttributeContext.request 4 Request
        envoy.service.auth.v3.AttributeContext.HttpRequest.body 11 String
        envoy.service.auth.v3.AttributeContext.HttpRequest.header_map 13 HeaderMap
        envoy.service.auth.v3.AttributeContext.HttpRequest.headers 3 HeadersEntry[]
        envoy.service.auth.v3.AttributeContext.HttpRequest.host 5 String
        envoy.service.auth.v3.AttributeContext.HttpRequest.id 1 String
        envoy.service.auth.v3.AttributeContext.HttpRequest.method 2 String
        envoy.service.auth.v3.AttributeContext.HttpRequest.path 4 String
        envoy.service.auth.v3.AttributeContext.HttpRequest.raw_body 12 Bytes
        envoy.service.auth.v3.AttributeContext.HttpRequest.scheme 6 String
        envoy.service.auth.v3.AttributeContext.HttpRequest.HeadersEntry.key 1 String
        envoy.service.auth.v3.AttributeContext.HttpRequest.HeadersEntry.value 2 String
        envoy.service.auth.v3.AttributeContext.Request.http 2 HttpRequest
        envoy.service.auth.v3.CheckRequest.attributes 1 AttributeContext
        envoy.service.auth.v3.CheckResponse.denied_response 2 DeniedHttpResponse
        envoy.service.auth.v3.CheckResponse.dynamic_metadata 4 Struct
        envoy.service.auth.v3.CheckResponse.ok_response 3 OkHttpResponse
        envoy.service.auth.v3.CheckResponse.status 1 Status
        envoy.service.auth.v3.DeniedHttpResponse.body 3 String
        envoy.service.auth.v3.DeniedHttpResponse.headers 2 HeaderValueOption[]
        envoy.service.auth.v3.DeniedHttpResponse.status 1 HttpStatus
        envoy.service.auth.v3.OkHttpResponse.headers 2 HeaderValueOption[]
        envoy.service.auth.v3.OkHttpResponse.headers_to_remove 5 String[]
        envoy.service.auth.v3.OkHttpResponse.response_headers_to_add 6 HeaderValueOption[]
        envoy.service.ratelimit.v3.RateLimitRequest.descriptors 2 RateLimitDescriptor[]
        envoy.service.ratelimit.v3.RateLimitRequest.domain 1 String
        envoy.service.ratelimit.v3.RateLimitRequest.hits_addend 3 UInt32
        envoy.service.ratelimit.v3.RateLimitResponse.dynamic_metadata 6 Struct
        envoy.service.ratelimit.v3.RateLimitResponse.overall_code 1 Code
        envoy.service.ratelimit.v3.RateLimitResponse.raw_body 5 Bytes
        envoy.service.ratelimit.v3.RateLimitResponse.request_headers_to_add 4 HeaderValue[]
        envoy.service.ratelimit.v3.RateLimitResponse.response_headers_to_add 3 HeaderValue[]
        envoy.service.ratelimit.v3.RateLimitResponse.statuses 2 DescriptorStatus[]
        envoy.service.ratelimit.v3.RateLimitResponse.DescriptorStatus.code 1 Code
        envoy.service.ratelimit.v3.RateLimitResponse.DescriptorStatus.current_limit 2 RateLimit
        envoy.service.ratelimit.v3.RateLimitResponse.DescriptorStatus.duration_until_reset 4 Duration
        envoy.service.ratelimit.v3.RateLimitResponse.DescriptorStatus.limit_remaining 3 UInt32
        envoy.service.ratelimit.v3.RateLimitResponse.RateLimit.name 3 String
        envoy.service.ratelimit.v3.RateLimitResponse.RateLimit.requests_per_unit 1 UInt32
        envoy.service.ratelimit.v3.RateLimitResponse.RateLimit.unit 2 Unit
        envoy.type.v3.HttpStatus.code 1 StatusCode
        """;

    private const string PublishedValues = """
        Code UNKNOWN=0 OK=1 OVER_LIMIT=2
        Unit UNKNOWN=0 SECOND=1 MINUTE=2 HOUR=3 DAY=4 MONTH=5 YEAR=6 WEEK=7
        RateLimitUnit UNKNOWN=0 SECOND=1 MINUTE=2 HOUR=3 DAY=4 MONTH=5 YEAR=6
        """;

    private static readonly FileDescriptor[] Files =
    [
        HeaderValue.Descriptor.File, RateLimitDescriptor.Descriptor.File, RateLimitRequest.Descriptor.File,
        CheckRequest.Descriptor.File, AttributeContext.Descriptor.File, HttpStatus.Descriptor.File,
    ];

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public void Every_field_has_the_number_and_the_type_that_Envoy_publishes() => Assert.Equal(
        Published.Split('\n').Order(StringComparer.Ordinal),
        Files.SelectMany(file => file.MessageTypes).SelectMany(All)
            .SelectMany(message => message.Fields.InFieldNumberOrder())
            .Select(field => $"{field.FullName} {field.FieldNumber} {TypeOf(field)}")
            .Order(StringComparer.Ordinal));

    [Fact]
    public void Every_code_and_unit_has_the_number_that_Envoy_publishes() => Assert.Equal(
        PublishedValues.Split('\n'),
        new[]
        {
            RateLimitResponse.Descriptor.FindFieldByName("overall_code").EnumType,
            RateLimitResponse.Types.RateLimit.Descriptor.FindFieldByName("unit").EnumType,
            RateLimitDescriptor.Types.RateLimitOverride.Descriptor.FindFieldByName("unit").EnumType,
        }.Select(one => $"{one.Name} {string.Join(' ', one.Values.Select(value => $"{value.Name}={value.Number}"))}"));

    [Fact]
    public async Task A_client_of_the_published_wire_counts_a_million_units_and_is_told_the_limit()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        byte[] request = Bytes(to =>
        {
            Text(to, 1, "ai");
            Part(to, 2, descriptor =>
            {
                Part(descriptor, 1, entry => Pair(entry, "authorization", $"Bearer {token}"));
                Part(descriptor, 1, entry => Pair(entry, "model", "m"));
                Part(descriptor, 3, addend => Number(addend, 1, Million)); // UInt64Value.
            });
            Number(to, 3, 7); // What a descriptor of its own says wins over.
            Text(to, 99, "of a release to come");
        });

        RawMessage answer = new(await CallAsync(host, "ratelimit.v3.RateLimitService/ShouldRateLimit", request));

        Assert.Equal(1, answer.Number(1)); // OK.
        RawMessage status = new(Assert.Single(answer.Parts(2)));
        Assert.Equal(1, status.Number(1));
        RawMessage limit = new(Assert.Single(status.Parts(2)));
        Assert.NotEqual("", limit.Text(3));
        Assert.True(limit.Number(1) > 0);
        Assert.True(status.Number(3) > 0);
        Assert.Contains("x-ratelimit-remaining", answer.Parts(3).Select(header => new RawMessage(header).Text(1)));
        Assert.Single(answer.Parts(6));
        Assert.Equal((long)Million, (await _gateway.TokensAsync(token)).Settled);
    }

    [Theory]
    [InlineData("0AFFFFFFFF0F")] // Longer than all there is.
    [InlineData("0A01FF")] // No UTF-8.
    [InlineData("07")] // No wire type.
    public async Task What_cannot_be_read_is_an_error_of_the_protocol_and_no_line_of_the_log(string hex)
    {
        FakeLogCollector log = new();
        using ILoggerFactory loggers = LoggerFactory.Create(to => to.AddProvider(new FakeLoggerProvider(log)));
        await using GatewayHost host = await HostAsync(loggers);
        string[] methods = ["ratelimit.v3.RateLimitService/ShouldRateLimit", "auth.v3.Authorization/Check"];
        foreach (string path in methods)
            await Assert.ThrowsAsync<RpcException>(() => CallAsync(host, path, Convert.FromHexString(hex)));
        Assert.DoesNotContain(log.GetSnapshot(), line => line.Level >= LogLevel.Warning);
    }

    [Fact]
    public async Task A_client_of_the_published_wire_is_let_through_with_every_attribute_and_denied_without_a_key()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();

        RawMessage let = new(await CallAsync(host, "auth.v3.Authorization/Check", CheckOf(token)));
        RawMessage denied = new(await CallAsync(host, "auth.v3.Authorization/Check", CheckOf("")));

        Assert.Single(let.Parts(3)); // ok_response
        Assert.Empty(let.Parts(2));
        RawMessage refusal = new(Assert.Single(denied.Parts(2)));
        Assert.Equal(401, new RawMessage(Assert.Single(refusal.Parts(1))).Number(1));
        Assert.Contains("invalid_api_key", refusal.Text(3), StringComparison.Ordinal);
        Assert.NotEqual(0, new RawMessage(Assert.Single(denied.Parts(1))).Number(1));
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    private static byte[] CheckOf(string token) => Bytes(to => Part(to, 1, attributes =>
    {
        Part(attributes, 1, peer => // source: address, service, labels, principal, certificate
        {
            Text(peer, 2, "client");
            Part(peer, 3, label => Pair(label, "app", "x"));
            Text(peer, 4, "spiffe://x/y");
        });
        Part(attributes, 2, peer => Text(peer, 2, "server"));
        Part(attributes, 4, request =>
        {
            Part(request, 1, time => Number(time, 1, 1_700_000_000));
            Part(request, 2, http =>
            {
                Text(http, 1, "id-1");
                Text(http, 2, "POST");
                if (token.Length > 0) Part(http, 3, header => Pair(header, "authorization", $"Bearer {token}"));
                Text(http, 4, "/v1/chat/completions");
                Text(http, 5, "models.test");
                Text(http, 6, "https");
                Text(http, 7, "");
                Text(http, 8, "");
                Number(http, 9, ulong.MaxValue); // size is unknown: -1.
                Text(http, 10, "HTTP/1.1");
                Text(http, 11, """{"model":"m","max_completion_tokens":10,"messages":[]}""");
            });
        });
        Part(attributes, 10, extension => Pair(extension, "route", "models"));
        Part(attributes, 11, _ => { });
        Part(attributes, 12, tls => Text(tls, 1, "models.test"));
        Part(attributes, 13, _ => { });
    }));

    private static IEnumerable<MessageDescriptor> All(MessageDescriptor message) =>
        [message, .. message.NestedTypes.SelectMany(All)];

    private static string TypeOf(FieldDescriptor field)
    {
        string name = field.FieldType switch
        {
            FieldType.Message => field.MessageType.Name,
            FieldType.Enum => field.EnumType.Name,
            _ => field.FieldType.ToString(),
        };
        return field.IsRepeated ? $"{name}[]" : name;
    }

    private static byte[] Bytes(Action<CodedOutputStream> write)
    {
        using MemoryStream bytes = new();
        using (CodedOutputStream to = new(bytes, leaveOpen: true)) write(to);
        return bytes.ToArray();
    }

    private static void Text(CodedOutputStream to, int field, string text)
    {
        to.WriteTag(field, WireFormat.WireType.LengthDelimited);
        to.WriteString(text);
    }

    private static void Number(CodedOutputStream to, int field, ulong number)
    {
        to.WriteTag(field, WireFormat.WireType.Varint);
        to.WriteUInt64(number);
    }

    private static void Part(CodedOutputStream to, int field, Action<CodedOutputStream> write)
    {
        to.WriteTag(field, WireFormat.WireType.LengthDelimited);
        to.WriteBytes(ByteString.CopyFrom(Bytes(write)));
    }

    private static void Pair(CodedOutputStream to, string key, string value)
    {
        Text(to, 1, key);
        Text(to, 2, value);
    }

    private async Task<byte[]> CallAsync(GatewayHost host, string path, byte[] request)
    {
        CreateCredentialResponse created = await _gateway.Client.CallAsync(
            _gateway.Client.Identities.CreateCredentialAsync,
            new CreateCredentialRequest { Principal = "envoy", Role = Role.Gateway },
            CancellationToken.None);
        string[] parts = path.Split('/');
        Marshaller<byte[]> raw = new(bytes => bytes, bytes => bytes);
        Method<byte[], byte[]> method = new(MethodType.Unary, $"{Package}.{parts[0]}", parts[1], raw, raw);
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://{host.EnvoyAddress}");
        return await channel.CreateCallInvoker().AsyncUnaryCall(
            method,
            host: null,
            new CallOptions(new Metadata { { "authorization", $"Bearer {created.Secret}" } }, TestGateway.Deadline),
            request);
    }

    private Task<GatewayHost> HostAsync(ILoggerFactory? loggers = null) => _gateway.HostAsync(
        new GatewayOptions
        {
            Listen = "127.0.0.1:0",
            Envoy = new EnvoyOptions
            {
                Listen = "127.0.0.1:0",
                Rules =
                [
                    new EnvoyRuleOptions
                    {
                        Domain = "ai",
                        From = new Dictionary<string, string> { ["session"] = "authorization", ["model"] = "model" },
                    },
                ],
            },
        },
        loggers: loggers);

    /// <summary>A message by its numbers alone.</summary>
    private sealed class RawMessage
    {
        private readonly List<(int Field, ulong Number, byte[]? Part)> _fields = [];

        public RawMessage(byte[] bytes)
        {
            using CodedInputStream from = new(bytes);
            uint tag;
            while ((tag = from.ReadTag()) != 0)
            {
                int field = WireFormat.GetTagFieldNumber(tag);
                if (WireFormat.GetTagWireType(tag) == WireFormat.WireType.Varint)
                    _fields.Add((field, from.ReadUInt64(), null));
                else _fields.Add((field, 0, from.ReadBytes().ToByteArray()));
            }
        }

        public long Number(int field) => (long)_fields.LastOrDefault(one => one.Field == field).Number;

        public byte[][] Parts(int field) => [.. _fields.Where(one => one.Field == field).Select(one => one.Part!)];

        public string Text(int field) => System.Text.Encoding.UTF8.GetString(Parts(field).LastOrDefault() ?? []);
    }
}
