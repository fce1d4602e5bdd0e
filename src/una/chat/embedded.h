#pragma once

#include <string_view>

// Files of assets/, compiled in by una_embed (cmake/embed.cmake).
namespace una::chat {

extern const std::string_view kChatHtml, kChatJs, kChatCss;

}  // namespace una::chat
