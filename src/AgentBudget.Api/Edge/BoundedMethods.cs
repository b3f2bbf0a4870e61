using System.Reflection;
using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Api.Edge;

/// <summary>
/// Registers the methods of a generated service as Grpc.AspNetCore does it, with request messages that are held to
/// their bounds before they are parsed, and whose faults are the caller's.
/// </summary>
internal sealed class BoundedMethods<TService> : IServiceMethodProvider<TService>
    where TService : class
{
    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<TService> context)
    {
        for (Type? type = typeof(TService); type is not null; type = type.BaseType)
        {
            if (type.GetCustomAttribute<BindServiceMethodAttribute>() is not { } bind)
                continue;
            MethodInfo method = bind.BindType.GetMethods(BindingFlags.Public | BindingFlags.Static)
                .Single(found => found.Name == bind.BindMethodName && found.GetParameters().Length == 2);
            method.Invoke(null, [new Binder(context), null]);
            return;
        }
    }

    private sealed class Binder(ServiceMethodProviderContext<TService> context) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
            context.AddUnaryMethod(
                Bounded(method), Metadata(),
                Invoker<UnaryServerMethod<TService, TRequest, TResponse>>(
                    method, typeof(TRequest), typeof(ServerCallContext)));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler) =>
            context.AddClientStreamingMethod(
                Bounded(method), Metadata(),
                Invoker<ClientStreamingServerMethod<TService, TRequest, TResponse>>(
                    method, typeof(IAsyncStreamReader<TRequest>), typeof(ServerCallContext)));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) =>
            context.AddServerStreamingMethod(
                Bounded(method), Metadata(),
                Invoker<ServerStreamingServerMethod<TService, TRequest, TResponse>>(
                    method, typeof(TRequest), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext)));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) =>
            context.AddDuplexStreamingMethod(
                Bounded(method), Metadata(),
                Invoker<DuplexStreamingServerMethod<TService, TRequest, TResponse>>(
                    method,
                    typeof(IAsyncStreamReader<TRequest>),
                    typeof(IServerStreamWriter<TResponse>),
                    typeof(ServerCallContext)));

        private static List<object> Metadata() => [new HttpMethodMetadata(["POST"], acceptCorsPreflight: true)];

        private static TDelegate Invoker<TDelegate>(IMethod method, params Type[] parameters)
            where TDelegate : Delegate =>
            typeof(TService).GetMethod(method.Name, parameters)!.CreateDelegate<TDelegate>();

        // The one place where the bounds of request messages are plugged in.
        private static Method<TRequest, TResponse> Bounded<TRequest, TResponse>(Method<TRequest, TResponse> method)
            where TRequest : class
            where TResponse : class
        {
            Func<DeserializationContext, TRequest> parse = method.RequestMarshaller.ContextualDeserializer;
            Marshaller<TRequest> bounded = new(
                method.RequestMarshaller.ContextualSerializer, context => Parse(parse, context));
            return new Method<TRequest, TResponse>(
                method.Type, method.ServiceName, method.Name, bounded, method.ResponseMarshaller);
        }

        private static TRequest Parse<TRequest>(
            Func<DeserializationContext, TRequest> parse, DeserializationContext context)
        {
            try
            {
                return parse(context);
            }
            catch (Exception failure) when (
                failure is InvalidProtocolBufferException or IndexOutOfRangeException or ArgumentException)
            {
                // The parser runs beyond the end of some broken nested messages, and says so as any array would.
                throw EdgeErrors.MessageMalformed(failure.Message);
            }
        }
    }
}
