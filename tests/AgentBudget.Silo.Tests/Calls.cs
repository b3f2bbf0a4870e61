using System.Net;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Tests.Support;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;

namespace AgentBudget.Silo.Tests;

/// <summary>Channels to a silo, and calls over them by the name of a method.</summary>
internal static class Calls
{
    public static GrpcChannel ChannelTo(IPEndPoint grpc) =>
        Open($"http://{grpc}", new SslClientAuthenticationOptions());

    /// <summary>A channel that believes the authority of the test alone.</summary>
    public static GrpcChannel ChannelTo(IPEndPoint tls, TestCertificates certificates, X509Certificate2? client)
    {
        SslClientAuthenticationOptions ssl = new()
        {
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                CustomTrustStore = { certificates.Authority },
            },
        };
        if (client is not null) ssl.ClientCertificates = [client];
        return Open($"https://{tls}", ssl);
    }

    public static MethodDescriptor MethodOf(string name) => Api.ApiServices.Descriptors
        .SelectMany(service => service.Methods)
        .Single(method => method.Name == name);

    public static async Task<TResponse> CallAsync<TRequest, TResponse>(
        this GrpcChannel channel,
        string method,
        TRequest request,
        string bearer,
        IReadOnlyDictionary<string, string>? metadata = null)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        MethodDescriptor descriptor = MethodOf(method);
        Method<TRequest, TResponse> called = new(
            MethodType.Unary,
            descriptor.Service.FullName,
            descriptor.Name,
            MarshallerOf<TRequest>(descriptor.InputType),
            MarshallerOf<TResponse>(descriptor.OutputType));
        using AsyncUnaryCall<TResponse> call =
            channel.CreateCallInvoker().AsyncUnaryCall(called, host: null, OptionsOf(bearer, metadata), request);
        return await call.ResponseAsync.WaitAsync(TestSilo.Patience);
    }

    public static AsyncDuplexStreamingCall<SpendRequest, SpendResponse> OpenSpend(
        this GrpcChannel channel, string bearer, IReadOnlyDictionary<string, string>? metadata = null) =>
        new BudgetService.BudgetServiceClient(channel).Spend(OptionsOf(bearer, metadata));

    public static async IAsyncEnumerable<WatchSpendResponse> WatchAsync(
        this GrpcChannel channel,
        WatchSpendRequest request,
        string bearer,
        [EnumeratorCancellation] CancellationToken stopping)
    {
        using AsyncServerStreamingCall<WatchSpendResponse> call =
            new SpendService.SpendServiceClient(channel).WatchSpend(request, OptionsOf(bearer, metadata: null));
        await foreach (WatchSpendResponse message in call.ResponseStream.ReadAllAsync(stopping)) yield return message;
    }

    /// <summary>The next answer of a stream, or null at its good end.</summary>
    public static async Task<SpendResponse?> NextAsync(
        this AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream) =>
        await stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestSilo.Patience)
            ? stream.ResponseStream.Current
            : null;

    private static GrpcChannel Open(string address, SslClientAuthenticationOptions ssl) =>
        GrpcChannel.ForAddress(address, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                EnableMultipleHttp2Connections = true,
                SslOptions = ssl,
            },
            DisposeHttpClient = true,
            ThrowOperationCanceledOnCancellation = true,
        });

    private static CallOptions OptionsOf(string bearer, IReadOnlyDictionary<string, string>? metadata)
    {
        Metadata headers = new() { { "authorization", $"Bearer {bearer}" } };
        foreach ((string key, string value) in metadata ?? new Dictionary<string, string>()) headers.Add(key, value);
        return new CallOptions(headers);
    }

    private static Marshaller<T> MarshallerOf<T>(MessageDescriptor message)
        where T : IMessage<T> =>
        Marshallers.Create(value => value.ToByteArray(), bytes => (T)message.Parser.ParseFrom(bytes));
}
