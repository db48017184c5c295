// A server on the official Go SDK: `server stdio | <port> [stateless]`. Over HTTP it speaks 2026-07-28 only when stateless.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type none struct{}

type addArgs struct {
	A int `json:"a"`
	B int `json:"b"`
}

type countArgs struct {
	Steps int `json:"steps"`
}

func text(value string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: value}}}
}

func newServer() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "go-sdk", Version: "1.0.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "add", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}},
		func(_ context.Context, _ *mcp.CallToolRequest, args addArgs) (*mcp.CallToolResult, any, error) {
			return text(fmt.Sprint(args.A + args.B)), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "fail"},
		func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any, error) {
			return nil, nil, errors.New("failed on purpose")
		})
	mcp.AddTool(server, &mcp.Tool{Name: "count"},
		func(ctx context.Context, request *mcp.CallToolRequest, args countArgs) (*mcp.CallToolResult, any, error) {
			for step := 1; step <= args.Steps; step++ {
				params := &mcp.ProgressNotificationParams{
					ProgressToken: request.Params.GetProgressToken(),
					Progress:      float64(step),
					Total:         float64(args.Steps),
				}
				if params.ProgressToken == nil {
					continue
				}
				if err := request.Session.NotifyProgress(ctx, params); err != nil {
					return nil, nil, err
				}
			}
			return text(fmt.Sprintf("counted to %d", args.Steps)), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "ask"},
		func(_ context.Context, request *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
			if answer, ok := request.Params.InputResponses["name"].(*mcp.ElicitResult); ok {
				return text(fmt.Sprintf("hello %v", answer.Content["name"])), nil, nil
			}
			schema := map[string]any{
				"type":       "object",
				"properties": map[string]any{"name": map[string]any{"type": "string"}},
				"required":   []string{"name"},
			}
			question := &mcp.ElicitParams{Message: "What is your name?", RequestedSchema: schema}
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"name": question}}, nil, nil
		})
	server.AddResource(&mcp.Resource{URI: "stranger://greeting", Name: "greeting"},
		func(_ context.Context, request *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			contents := []*mcp.ResourceContents{{URI: request.Params.URI, Text: "hello"}}
			return &mcp.ReadResourceResult{Contents: contents}, nil
		})
	arguments := []*mcp.PromptArgument{{Name: "name", Required: true}}
	server.AddPrompt(&mcp.Prompt{Name: "greet", Arguments: arguments},
		func(_ context.Context, request *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			content := &mcp.TextContent{Text: "Say hello to " + request.Params.Arguments["name"] + "."}
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: content}}}, nil
		})
	return server
}

func main() {
	if os.Args[1] == "stdio" {
		log.Fatal(newServer().Run(context.Background(), &mcp.StdioTransport{}))
	}
	server := newServer()
	options := &mcp.StreamableHTTPOptions{Stateless: len(os.Args) > 2}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, options)
	http.Handle("/mcp", handler)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
