// Lists that are written with commas.

// "gpu, linux" is ["gpu", "linux"].
export const words = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);
