using AgentBudget.Rpc.Reflection;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Reflection.V1;
using Alpha = Grpc.Reflection.V1Alpha;
using Answer = Grpc.Reflection.V1.ServerReflectionResponse.MessageResponseOneofCase;
using Question = Grpc.Reflection.V1.ServerReflectionRequest.MessageRequestOneofCase;

namespace AgentBudget.Rpc;

/// <summary>
/// The standard <c>grpc.reflection.v1.ServerReflection</c> and its former name <c>v1alpha</c>: tools list and call the
/// services without their protos. It shows the contract, never data; a guard decides who sees it.
/// </summary>
public static class ReflectionService
{
    /// <summary>The proto's descriptors of the service, the present one first.</summary>
    public static IReadOnlyList<ServiceDescriptor> Descriptors { get; } =
        [ReflectionReflection.Descriptor.Services[0], Alpha.ReflectionReflection.Descriptor.Services[0]];

    /// <summary>Adds the service to those that a server serves. It shows them all, those that are added later too.
    /// </summary>
    /// <param name="services">Where to add it.</param>
    public static void AddTo(RpcServices services)
    {
        ArgumentNullException.ThrowIfNull(services);
        Lazy<DescriptorIndex> index = new(() => new DescriptorIndex(services.Services));
        services.Add(Descriptors[0], builder => builder
            .DuplexStreaming<ServerReflectionRequest, ServerReflectionResponse>(
                "ServerReflectionInfo", (requests, responses, _) => AnswerAsync(index.Value, requests, responses)));
        services.Add(Descriptors[1], builder => builder
            .DuplexStreaming<Alpha.ServerReflectionRequest, Alpha.ServerReflectionResponse>(
                "ServerReflectionInfo", (requests, responses, _) => AnswerAsync(index.Value, requests, responses)));
    }

    private static async Task AnswerAsync(
        DescriptorIndex index,
        IRpcStreamReader<ServerReflectionRequest> requests,
        IRpcStreamWriter<ServerReflectionResponse> responses)
    {
        while (await requests.ReadAsync() is ServerReflectionRequest request)
            await responses.WriteAsync(AnswerOf(index, request));
    }

    private static async Task AnswerAsync(
        DescriptorIndex index,
        IRpcStreamReader<Alpha.ServerReflectionRequest> requests,
        IRpcStreamWriter<Alpha.ServerReflectionResponse> responses)
    {
        // The same bytes under another name.
        while (await requests.ReadAsync() is Alpha.ServerReflectionRequest request)
        {
            ServerReflectionRequest present = ServerReflectionRequest.Parser.ParseFrom(request.ToByteArray());
            byte[] answer = AnswerOf(index, present).ToByteArray();
            await responses.WriteAsync(Alpha.ServerReflectionResponse.Parser.ParseFrom(answer));
        }
    }

    private static ServerReflectionResponse AnswerOf(DescriptorIndex index, ServerReflectionRequest request)
    {
        ServerReflectionResponse response = new() { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case Question.FileByFilename:
                response.FileDescriptorResponse = index.FindFile(request.FileByFilename);
                break;
            case Question.FileContainingSymbol:
                response.FileDescriptorResponse = index.FindSymbol(request.FileContainingSymbol);
                break;
            case Question.AllExtensionNumbersOfType:
                // None of the contracts has extensions, so a message that is known has no numbers.
                string type = request.AllExtensionNumbersOfType;
                if (index.FindSymbol(type) is not null)
                    response.AllExtensionNumbersResponse = new ExtensionNumberResponse { BaseTypeName = type };
                break;
            case Question.ListServices:
                response.ListServicesResponse = index.Services;
                break;
            case Question.FileContainingExtension:
            case Question.None:
                break;
        }

        if (response.MessageResponseCase == Answer.None)
        {
            bool isQuestion = request.MessageRequestCase != Question.None;
            RpcStatusCode code = isQuestion ? RpcStatusCode.NotFound : RpcStatusCode.InvalidArgument;
            response.ErrorResponse = new ErrorResponse
            {
                ErrorCode = (int)code,
                ErrorMessage = isQuestion ? "This server has no such thing." : "The request asks nothing.",
            };
        }

        return response;
    }
}
